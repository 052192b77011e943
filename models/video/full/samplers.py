"""Samplers: plain functions over `denoise(x_t, t, cond) → x̂₀`, each named after its paper.

Guidance, given frames and the network's own way of predicting are wrappers of `denoise`
(`guided` here, `models.video.full.window.held`, `models.video.full.prediction.denoiser`).
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final, Literal, Protocol, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from models.motion.diffusion.schedule import times
from models.video.full.schedule import Schedule

CondT = TypeVar("CondT")
CondT_contra = TypeVar("CondT_contra", contravariant=True)
Clip = Float[Tensor, "batch frames channels height width"]
Times = Float[Tensor, "batch frames"]
Noise = Callable[[int], Tensor]
"""Standard normal noise by number: 0 to begin with, n for what step n adds."""
SamplerName = Literal["ddpm", "ddim"]


class Denoise(Protocol[CondT_contra]):
    """Says what a noisy clip was before the noise."""

    def __call__(self, x: Tensor, t: Tensor, cond: CondT_contra, /) -> Tensor:
        """Return x̂₀ of [batch, frames, channels, height, width]; `t` is the time of each frame."""
        ...


class Sampler(Protocol):
    """Draws a clip."""

    def __call__(
        self, denoise: Denoise[CondT], cond: CondT, noise: Noise, schedule: Schedule, steps: int
    ) -> Tensor:
        """Return x₀, shaped as the noise.

        Raises:
            ValueError: Fewer than one step.
        """
        ...


def ddpm(denoise: Denoise[CondT], cond: CondT, noise: Noise, schedule: Schedule, steps: int) -> Tensor:
    """Ho et al. 2020, the paper's sampler: the posterior's mean, and fresh noise at each step."""
    return _walk(denoise, cond, noise, schedule, steps, fresh_share=1.0)


def ddim(denoise: Denoise[CondT], cond: CondT, noise: Noise, schedule: Schedule, steps: int) -> Tensor:
    """Song et al. 2021, η = 0: the same noise from beginning to end."""
    return _walk(denoise, cond, noise, schedule, steps, fresh_share=0.0)


def _walk(
    denoise: Denoise[CondT], cond: CondT, noise: Noise, schedule: Schedule, steps: int, fresh_share: float
) -> Tensor:
    """Go from time 1 to 0. `fresh_share` is η of Song et al. 2021, equation 16."""
    x = x0_hat = noise(0)
    for number, (now, then) in enumerate(pairwise(times(steps)), start=1):
        t, s = (torch.full(x.shape[:2], float(time), device=x.device) for time in (now, then))
        x0_hat = denoise(x, t, cond)
        x = step_to(x, x0_hat, t, s, schedule, fresh_share, noise(number) if fresh_share else None)
    return x0_hat


def step_to(
    x: Clip,
    x0_hat: Clip,
    t: Times,
    s: Times,
    schedule: Schedule,
    fresh_share: float = 0.0,
    noise: Tensor | None = None,
) -> Clip:
    """Take one step from the times `t` back to the times `s`.

    Args:
        x: clip at `t`.
        x0_hat: what the network makes of it.
        t: times of the frames now.
        s: times of the frames then, not after `t`.
        schedule: the noise schedule.
        fresh_share: η; 1 draws from the posterior q(x_s | x_t, x̂₀), 0 adds nothing.
        noise: fresh noise, where `fresh_share` is above 0.
    """
    (a, b), (c, d) = ((part[..., None, None, None] for part in schedule.alpha_sigma(time)) for time in (t, s))
    # Of the variance at t, the share d²·a²/(b²·c²) was there at s; the rest has come since.
    kept = (d * a / (b * c)) ** 2
    fresh = fresh_share * d * (1 - kept).clamp(min=0).sqrt()
    old = (d**2 - fresh**2).clamp(min=0).sqrt() / b
    stepped = c * x0_hat + old * (x - a * x0_hat)
    return stepped if noise is None else stepped + fresh * noise


def guided(denoise: Denoise[CondT], without: CondT, weight: float) -> Denoise[CondT]:
    """Return classifier-free guidance (Ho & Salimans 2022): x̂₀ pushed away from what it is `without`.

    Args:
        denoise: the model.
        without: what it is told when it is told nothing.
        weight: w of d + w·(c - d); 1 is no guidance, and costs nothing.
    """
    if weight == 1.0:
        return denoise

    def both(x: Tensor, t: Tensor, cond: CondT) -> Tensor:
        told, untold = denoise(x, t, cond), denoise(x, t, without)
        return untold + weight * (told - untold)

    return both


SAMPLERS: Final[dict[SamplerName, Sampler]] = {"ddpm": ddpm, "ddim": ddim}
"""By the name a configuration gives."""
