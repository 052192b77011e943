"""Noise and losses of the picture network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, l1_loss, pad

from training.pictures.config import LossConfig, NoiseConfig
from training.pictures.part import Batch

MOUTH: Final = ((-0.07, 0.07), (0.49, 0.605))
"""Where lips, mouth and a tenth of a face around them lie in Cᵈ, across and upward."""
LEAST: Final = 1e-4
"""No picture is asked for less squared error than this: 46 dB."""
SCALES: Final = 3
"""Grey structure is compared at one, two and four pixels."""
PATCH: Final = 8
"""Side of the squares over which its strength is."""
Perceptual = Callable[[Tensor, Tensor], Tensor]
"""Distance of pictures in -1..1, one number for each."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Parts of the loss and their weighted sum."""

    square: Float[Tensor, ""]
    relative: Float[Tensor, ""]
    absolute: Float[Tensor, ""]
    edges: Float[Tensor, ""]
    texture: Float[Tensor, ""]
    perceptual: Float[Tensor, ""]
    flicker: Float[Tensor, ""]
    mirror: Float[Tensor, ""]
    total: Float[Tensor, ""]


def noised(
    clean: Float[Tensor, "frames 3 side side"],
    t: Float[Tensor, "frames"],
    noise: Float[Tensor, "frames 3 side side"],
) -> Float[Tensor, "frames 3 side side"]:
    """Return x_t = (1 - t) x₀ + t ε (rectified flow, arXiv 2209.03003)."""
    t = t[:, None, None, None]
    return (1 - t) * clean + t * noise


def draw_noisy(
    batch: Batch, config: NoiseConfig
) -> tuple[Float[Tensor, "frames 3 side side"], Float[Tensor, "frames"]]:
    """Draw noisy pictures and their times: of the truth at any time, or of the warp where the sampler starts.

    The frames of a clip share time and noise, as the sampler's do; so do mirror images.
    """
    clips = len(batch.target) // batch.clip
    t = torch.sigmoid(torch.randn(clips) * 1.2 + 0.3)
    start = config.start + config.spread * (2 * torch.rand(clips) - 1)
    from_warp = torch.rand(clips) < config.from_warp
    t = torch.where(from_warp, start, t)
    noise = torch.randn(clips, *batch.target.shape[1:])
    if batch.twins:
        half = clips // 2
        t, from_warp = (torch.cat([drawn[:half], drawn[:half]]) for drawn in (t, from_warp))
        noise = torch.cat([noise[:half], noise[:half].flip(-1)])
    noise = noise * torch.where(from_warp, config.temperature, 1.0)[:, None, None, None]
    t, from_warp, noise = (drawn.repeat_interleave(batch.clip, 0) for drawn in (t, from_warp, noise))
    source = torch.where(from_warp[:, None, None, None], batch.given.warp, batch.target)
    return noised(source, t, noise), t


def mouth(
    controls: Float[Tensor, "frames planes small small"], side: int
) -> Float[Tensor, "frames 1 side side"]:
    """Return 1 on the mouth, open or shut, and close around it."""
    (right, left), (low, high) = MOUTH
    across, up = controls[:, 0], controls[:, 1]
    inside = (right < across) & (across < left) & (low < up) & (up < high)
    return interpolate(inside.float()[:, None], (side, side), mode="bilinear")


def picture_loss(
    made: Float[Tensor, "frames 3 side side"],
    batch: Batch,
    weights: LossConfig,
    perceptual: Perceptual | None,
) -> Losses:
    """Compare pictures with the truth."""
    made = made.float()
    zero = made.new_zeros(())
    absolute, error = l1_loss(made, batch.target), made - batch.target
    counted = 1 + weights.mouth * mouth(batch.given.controls, made.shape[-1])
    weighted = error.square() * counted
    square, relative = weighted.mean(), (weighted.mean(dim=(1, 2, 3)) + LEAST).log().mean()
    edges = sum((error.diff(dim=axis).abs().mean() for axis in (2, 3)), zero)
    rough = _rougher(made, batch.target, counted) if weights.texture else zero
    seen = perceptual(made, batch.target).mean() if perceptual and weights.perceptual else zero
    moving = error.unflatten(0, (-1, batch.clip)).diff(dim=1).square().mean() if batch.clip > 1 else zero
    apart = _apart(*made.chunk(2)) if batch.twins else zero
    total = (
        weights.square * square
        + weights.relative * relative
        + weights.absolute * absolute
        + weights.edges * edges
        + weights.texture * rough
        + weights.perceptual * seen
        + weights.flicker * moving
        + weights.mirror * apart
    )
    return Losses(square, relative, absolute, edges, rough, seen, moving, apart, total)


def _apart(
    made: Float[Tensor, "frames 3 side side"], twins: Float[Tensor, "frames 3 side side"]
) -> Float[Tensor, ""]:
    return (made - twins.flip(-1)).square().mean()


def _rougher(
    made: Float[Tensor, "frames 3 side side"],
    target: Float[Tensor, "frames 3 side side"],
    counted: Float[Tensor, "frames 1 side side"],
) -> Float[Tensor, ""]:
    """Return how far apart the strength of their structure is, wherever in a patch that lies."""
    apart = [(a - b).abs() for a, b in zip(_strengths(made), _strengths(target), strict=True)]
    weight = avg_pool2d(counted, PATCH, PATCH // 2)
    return sum(((part * weight).mean() for part in apart), made.new_zeros(())) / len(apart)


def _strengths(picture: Float[Tensor, "frames 3 side side"]) -> list[Float[Tensor, "frames 1 rows columns"]]:
    """Return the root mean square of grey structure in patches, finest first (an à trous pyramid)."""
    left, found = picture.mean(1, keepdim=True), []
    for scale in range(SCALES):
        finer, left = left, _smooth(left, 2**scale)
        found.append((avg_pool2d((finer - left).square(), PATCH, PATCH // 2) + 1e-6).sqrt())
    return found


def _smooth(grey: Float[Tensor, "frames 1 side side"], apart_px: int) -> Float[Tensor, "frames 1 side side"]:
    """Return a quarter, a half and a quarter of neighbours that lie so far apart, along either axis."""
    kernel = grey.new_tensor([0.25, 0.5, 0.25])
    wide = pad(grey, (apart_px,) * 4, mode="reflect")
    across = conv2d(wide, kernel.view(1, 1, 1, 3), dilation=apart_px)
    return conv2d(across, kernel.view(1, 1, 3, 1), dilation=apart_px)
