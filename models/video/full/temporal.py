"""1D convolutions over time, where the paper puts them (section 3.2); until they are trained they do nothing.

In each block of the encoder one lies after the first layer and before the second GroupNorm. It adds to what
passes, and its weights start at zero: a network that learned pictures makes the same pictures with it.
"""

from typing import Final

from jaxtyping import Float
from torch import Tensor, nn

KERNEL: Final = 3
"""Frames each convolution sees: one before, itself, one after."""


class TemporalConv(nn.Module):
    """Mixes each channel vector with those at the same place in the frames around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Beyond the ends of a clip time stands still; zeros would darken its first and last frame.
        self.conv = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, padding_mode="replicate")
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(
        self, x: Float[Tensor, "pictures channels height width"], frames: int
    ) -> Float[Tensor, "pictures channels height width"]:
        """Return the pictures of whole clips, `frames` after one another in each."""
        _, channels, height, width = x.shape
        lines = x.unflatten(0, (-1, frames)).permute(0, 3, 4, 2, 1).reshape(-1, channels, frames)
        mixed = self.conv(lines).reshape(-1, height, width, channels, frames).permute(0, 4, 3, 1, 2)
        return x + mixed.flatten(0, 1)
