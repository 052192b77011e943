"""Frames drawn one by one tremble: `smooth` gives the body its mass, and lips theirs.

Trunk and head follow through two poles, critically damped; lips are a mean of two frames. Eyes stay as they
are drawn, for lids and gaze jump. The network's own past is not smoothed: it goes on from what it drew.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Bool, Float32

from models.motion.diffusion.shape import EYES, MOUTH
from models.motion.frame import MOTION_SIZE

Vector = Float32[np.ndarray, "motion"]


def _mask(channels: tuple[int, ...]) -> Bool[np.ndarray, "motion"]:
    mask = np.zeros(MOTION_SIZE, bool)
    mask[list(channels)] = True
    return mask


_MOUTH: Final = _mask(MOUTH)
_SLOW: Final = ~(_MOUTH | _mask(EYES))
"""Brows, trunk, head, arms and fingers."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What the newest frame left behind; NaN before the first."""

    drawn: Vector
    """The frame as it was drawn."""
    followed: Vector
    """Behind the first pole."""
    shown: Vector
    """Behind the second."""

    @classmethod
    def none(cls) -> Self:
        """Return the trail before the first frame."""
        unset = np.full(MOTION_SIZE, np.nan, np.float32)
        return cls(unset, unset, unset)


def smooth(drawn: Vector, trail: Trail, lips_before: float, body_follow: float) -> tuple[Vector, Trail]:
    """Return the frame as it is shown.

    Args:
        drawn: The frame.
        trail: Of the frames before.
        lips_before: Share of the frame before in mouth and jaw; delays them by as much of a frame.
        body_follow: Share of the way that each of the two poles goes in a frame; delays the body by
            2·(1 / share - 1) frames.
    """
    if np.isnan(trail.drawn[0]):
        return drawn, Trail(drawn, drawn, drawn)
    followed = trail.followed + np.float32(body_follow) * (drawn - trail.followed)
    slow = trail.shown + np.float32(body_follow) * (followed - trail.shown)
    lips = drawn + np.float32(lips_before) * (trail.drawn - drawn)
    shown = np.where(_SLOW, slow, np.where(_MOUTH, lips, drawn))
    return shown, Trail(drawn, followed, shown)
