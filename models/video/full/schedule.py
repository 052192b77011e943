"""Noise schedules over time t in 0..1, variance preserving: x_t = α(t)·x₀ + σ(t)·ε.

Time 0 is (nearly) the picture, time 1 (nearly) nothing but noise.
"""

import math
from typing import Annotated, Literal, Protocol

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from models.strict import Positive, Strict


class Schedule(Protocol):
    """How much picture and how much noise there is at a time."""

    def alpha_sigma(self, t: Float[Tensor, "*any"]) -> tuple[Tensor, Tensor]:
        """Return α and σ, shaped as `t`; α² + σ² = 1."""
        ...


class Cosine(Strict):
    """Nichol & Dhariwal 2021, in continuous time; shifted for large pictures (Hoogeboom et al. 2023)."""

    kind: Literal["cosine"] = "cosine"
    shift: Annotated[float, Field(gt=0.0)] = 1.0
    """Factor on σ/α. Large pictures drown later: side / 64 keeps as much of them hidden as of one of 64²."""
    end: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the quarter turn that time 1 reaches. Below 1 a little of the picture is left at the end,
    without which predicted noise cannot say what the picture is."""

    def alpha_sigma(self, t: Float[Tensor, "*any"]) -> tuple[Tensor, Tensor]:
        """Return α and σ, shaped as `t`."""
        quarter = 0.5 * math.pi * self.end * t
        angle = torch.atan2(self.shift * quarter.sin(), quarter.cos())
        return angle.cos().clamp(min=0.0), angle.sin()


class ScaledLinear(Strict):
    """The schedule of Stable Diffusion: β grows with the square of a line, in 1,000 steps (Rombach 2022)."""

    kind: Literal["scaled_linear"] = "scaled_linear"
    beta_first: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.00085
    beta_last: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.012
    steps: Positive = 1000

    def alpha_sigma(self, t: Float[Tensor, "*any"]) -> tuple[Tensor, Tensor]:
        """Return α and σ, shaped as `t`; between two of the steps, log α² is interpolated."""
        beta = torch.linspace(self.beta_first**0.5, self.beta_last**0.5, self.steps, dtype=torch.float64) ** 2
        log_kept = (1 - beta).log().cumsum(0).to(t.device)
        place = self.step(t.double()).clamp(0, self.steps - 1)
        below = place.floor().long().clamp(max=self.steps - 2)
        share = place - below
        kept = (log_kept[below] * (1 - share) + log_kept[below + 1] * share).exp()
        return kept.sqrt().to(t.dtype), (1 - kept).sqrt().to(t.dtype)

    def step(self, t: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return the number of the step at a time, with its fraction: what such a UNet calls `timestep`."""
        return t * (self.steps - 1)


AnySchedule = Annotated[Cosine | ScaledLinear, Field(discriminator="kind")]
