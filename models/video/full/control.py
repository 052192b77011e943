"""The control encoder: a trainable copy of the UNet's encoder, joined by convolutions that start at zero.

After ControlNet (Zhang et al. 2023), with one departure: the copy sees the controls alone and not the noisy
picture (decision 011). So what it says of a frame is computed once, whatever the number of steps.
"""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.video.full.layers import zeroed
from models.video.full.unet import Encoder, Unet

Features = tuple[Tensor, ...]
"""What is added to each skip and to the middle: [batch, frames, channels, height, width] each."""


class ControlEncoder(nn.Module):
    """Planes and reference in, features out."""

    def __init__(self, base: Unet, channels: int) -> None:
        """Begin as a copy of `base`, silent.

        Args:
            base: the image UNet.
            channels: of the planes, without the reference.
        """
        super().__init__()
        spec = base.spec
        self.encoder = Encoder(spec, channels + 3, temporal=False)
        self.level_mlp, self.middle = deepcopy(base.level_mlp), deepcopy(base.middle)
        self.zeros = nn.ModuleList(
            zeroed(nn.Conv2d(width, width, 1)) for width in (*spec.skips(), spec.channels(-1))
        )
        self.copy_from(base)

    @property
    def silent(self) -> bool:
        """Whether it never learned: all its zero convolutions still are."""
        return not any(bool(weights.any()) for weights in self.zeros.parameters())

    def copy_from(self, base: Unet) -> None:
        """Take over the weights of `base`, but for its first layer, which sees something else."""
        first = "conv_in."
        theirs = base.encoder.state_dict().items()
        kept = {
            name: value for name, value in theirs if not name.startswith(first) and ".temporal." not in name
        }
        kept |= {f"{first}{name}": value for name, value in self.encoder.conv_in.state_dict().items()}
        self.encoder.load_state_dict(kept)
        self.level_mlp.load_state_dict(base.level_mlp.state_dict())
        self.middle.load_state_dict(base.middle.state_dict())

    def forward(
        self,
        planes: Float[Tensor, "batch frames channels side side"],
        reference: Float[Tensor, "batch 3 side side"],
    ) -> Features:
        """Return what is added to the skips and to the middle."""
        batch, frames = planes.shape[:2]
        beside = reference[:, None].expand(-1, frames, -1, -1, -1)
        x = torch.cat([planes, beside], dim=2).flatten(0, 1)
        # Controls are never noisy: the copy always stands at time 0.
        level = self.level_mlp(x.new_zeros(len(x)))
        skips = self.encoder(x, level, frames)
        skips.append(self.middle(skips[-1], level, frames))
        said = (zero(skip) for zero, skip in zip(self.zeros, skips, strict=True))
        return tuple(part.unflatten(0, (batch, frames)) for part in said)
