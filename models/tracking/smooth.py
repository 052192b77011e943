"""The tremor of a tracker, taken out where it is still, left alone where something moves.

The one-euro filter (Casiez, Roussel and Vogel 2012, "1€ Filter: A Simple Speed-based Low-pass Filter for
Noisy Input in Interactive Systems"): the faster a value moves, the less it is smoothed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSIONS, FPS

_FAST: Final = ("jaw", "mouth", "eyeBlink", "tongue")
"""Lips and lids: a delay of them would be seen."""
CUTOFF_HZ: Final = np.array(
    [6.0 if name.startswith(_FAST) else 1.5 for name in EXPRESSIONS] + [1.5] * 3, np.float32
)
"""Frequencies above this are smoothed while a value stands still: 52 weights, then the head's turn."""
SPEED_HZ: Final = np.array(
    [40.0 if name.startswith(_FAST) else 2.0 for name in EXPRESSIONS] + [30.0] * 3, np.float32
)
"""By how much the cutoff rises for each unit (weight or radian) a second."""
DERIVATIVE_HZ: Final = 4.0
"""Cutoff for the speed itself."""

Values = Float32[np.ndarray, "55"]


@dataclass(frozen=True, slots=True)
class SmoothState:
    """The last values and their speeds a second; none before the first."""

    values: Values | None = None
    speeds: Values | None = None


def _share(cutoff_hz: Float32[np.ndarray, "..."] | float) -> Float32[np.ndarray, "..."]:
    """Return how much of a new value is taken, at 25 frames a second."""
    return np.asarray(1.0 / (1.0 + FPS / (2.0 * np.pi * np.asarray(cutoff_hz))), np.float32)


def smooth(values: Values, state: SmoothState) -> tuple[Values, SmoothState]:
    """Return the smoothed values of the next frame."""
    if state.values is None or state.speeds is None:
        return values, SmoothState(values, np.zeros_like(values))
    speeds = state.speeds + _share(DERIVATIVE_HZ) * ((values - state.values) * FPS - state.speeds)
    calmed = state.values + _share(CUTOFF_HZ + SPEED_HZ * np.abs(speeds)) * (values - state.values)
    return calmed, SmoothState(calmed, speeds)
