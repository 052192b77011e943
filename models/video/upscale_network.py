"""The upscaler in torch: what trains, and the reference for every runtime.

The picture network draws the window with 256² pixels, the portrait has up to twice as many in it. What is
added therefore comes blurred, beside a warp that is not. Three convolutions over patches of pixels look at
both and say what is missing, in grey: eyes see hardly any colour in structure so fine.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, relu

from models.video.upscale import GREY, PATCH


class UpscaleNet(nn.Module):
    """Fine structure from the warp and what became of it.

    Args:
        width: channels between the convolutions.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Conv2d(2 * PATCH**2, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.out = nn.Conv2d(width, PATCH**2, 3, padding=1)
        for layer in (self.first, self.middle):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, warp: Float[Tensor, "frames 1 rows columns"], made: Float[Tensor, "frames 1 rows columns"]
    ) -> Float[Tensor, "frames 1 rows columns"]:
        """Return what to add to every colour; grey in -1..1, sides are multiples of `PATCH`."""
        return pixel_shuffle(self.convolve(pixel_unshuffle(torch.cat([warp, made - warp], 1), PATCH)), PATCH)

    def convolve(self, patches: Float[Tensor, "frames twice h w"]) -> Float[Tensor, "frames patch h w"]:
        """Return the same patch by patch."""
        return self.out(relu(self.middle(relu(self.first(patches)))))


def grey(picture: Float[Tensor, "frames 3 rows columns"]) -> Float[Tensor, "frames 1 rows columns"]:
    """Return a picture's grey."""
    return (picture * picture.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
