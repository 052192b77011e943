"""Noise and losses of the picture network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, l1_loss, max_pool2d

from models.body.rig import Region
from models.video.conditions import FIRST_CLASS
from training.pictures.config import LossConfig, NoiseConfig
from training.pictures.data import Batch

INSIDE: Final = (Region.MOUTH, Region.TONGUE)
AROUND: Final = 7
"""Places of the controls that a mouth reaches beyond itself, to both sides together."""
Perceptual = Callable[[Tensor, Tensor], Tensor]
"""Distance of pictures in -1..1, one number for each."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Parts of the loss and their weighted sum."""

    square: Float[Tensor, ""]
    absolute: Float[Tensor, ""]
    edges: Float[Tensor, ""]
    perceptual: Float[Tensor, ""]
    flicker: Float[Tensor, ""]
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

    The frames of a clip share time and noise, as the sampler's do.
    """
    clips = len(batch.target) // batch.clip
    t = torch.sigmoid(torch.randn(clips) * 1.2 + 0.3)
    start = config.start + config.spread * (2 * torch.rand(clips) - 1)
    from_warp = torch.rand(clips) < config.from_warp
    t = torch.where(from_warp, start, t).repeat_interleave(batch.clip)
    source = torch.where(
        from_warp.repeat_interleave(batch.clip)[:, None, None, None], batch.given.warp, batch.target
    )
    noise = torch.randn(clips, *batch.target.shape[1:])
    noise = noise * torch.where(from_warp, config.temperature, 1.0)[:, None, None, None]
    return noised(source, t, noise.repeat_interleave(batch.clip, 0)), t


def mouth(
    controls: Float[Tensor, "frames planes small small"], side: int
) -> Float[Tensor, "frames 1 side side"]:
    """Return 1 where a mouth is open, and close around it."""
    planes = controls[:, [FIRST_CLASS + 1 + region for region in INSIDE]].amax(1, keepdim=True)
    near = max_pool2d(planes, AROUND, stride=1, padding=AROUND // 2)
    return interpolate(near, (side, side), mode="bilinear")


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
    square = (error.square() * (1 + weights.mouth * mouth(batch.given.controls, made.shape[-1]))).mean()
    edges = sum((error.diff(dim=axis).abs().mean() for axis in (2, 3)), zero)
    seen = perceptual(made, batch.target).mean() if perceptual and weights.perceptual else zero
    moving = error.unflatten(0, (-1, batch.clip)).diff(dim=1).square().mean() if batch.clip > 1 else zero
    total = (
        weights.square * square
        + weights.absolute * absolute
        + weights.edges * edges
        + weights.perceptual * seen
        + weights.flicker * moving
    )
    return Losses(square, absolute, edges, seen, moving, total)
