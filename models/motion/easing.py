"""Shapes in time: springs, ease curves and pulses. All are exact for any frame rate."""

from dataclasses import dataclass
from math import exp, pi, sin
from typing import Final, Self

import numpy as np
from jaxtyping import Float64

from models.motion.frame import FPS

DT_S: Final = 1.0 / FPS


@dataclass(frozen=True, slots=True)
class Spring:
    """Where something is and how fast it moves; it follows its target without overshoot."""

    value: Float64[np.ndarray, "axes"]
    speed: Float64[np.ndarray, "axes"]

    @classmethod
    def at(cls, value: Float64[np.ndarray, "axes"]) -> Self:
        """Return a spring at rest."""
        return cls(value, np.zeros_like(value))

    def towards(self, target: Float64[np.ndarray, "axes"], rate: float) -> "Spring":
        """Return the spring one frame later; `rate` in 1/s, half way after about 1.7/rate seconds.

        Exact step of the critically damped oscillator x″ = -2ωx′ - ω²(x - target).
        """
        decay, offset = exp(-rate * DT_S), self.value - target
        push = self.speed + rate * offset
        return Spring(target + (offset + push * DT_S) * decay, (self.speed - rate * push * DT_S) * decay)


def approach(value: float, target: float, time_s: float) -> float:
    """Return `value` one frame further towards `target`; `time_s` is the time to 63 %."""
    return target + (value - target) * exp(-DT_S / time_s)


def smoothstep(x: float) -> float:
    """Return 0 below 0, 1 above 1, and an S between."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


def bump(x: float) -> float:
    """Return a bell over 0..1 with its top 1 in the middle; 0 elsewhere."""
    return sin(pi * x) ** 2 if 0.0 < x < 1.0 else 0.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """A short movement: a bell of `length_s` that begins after `delay_s`, on some axes."""

    size: tuple[float, ...]
    length_s: float
    delay_s: float = 0.0
    age_s: float = 0.0

    def older(self) -> "Pulse":
        """Return the pulse one frame later."""
        return Pulse(self.size, self.length_s, self.delay_s, self.age_s + DT_S)

    @property
    def over(self) -> bool:
        """Tell whether the movement has ended."""
        return self.age_s >= self.delay_s + self.length_s

    def value(self) -> Float64[np.ndarray, "axes"]:
        """Return the offset on each axis now."""
        return bump((self.age_s - self.delay_s) / self.length_s) * np.array(self.size)


def advance(pulses: tuple[Pulse, ...]) -> tuple[Pulse, ...]:
    """Return the pulses one frame later, without those that ended."""
    return tuple(pulse for pulse in (old.older() for old in pulses) if not pulse.over)


def total(pulses: tuple[Pulse, ...], axes: int) -> Float64[np.ndarray, "axes"]:
    """Return the sum of all pulses."""
    return sum((pulse.value() for pulse in pulses), np.zeros(axes))
