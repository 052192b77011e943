"""How well a generated face agrees with the real one that spoke the same sound."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from models.motion.frame import FPS

LAGS: Final = (-2, -1, 0, 1, 2)
"""Frames that a correlation may be shifted by; a positive lag means that the generated face is late."""
_LEAST_FRAMES: Final = 12
_STILL: Final = 1e-6
"""A curve that spreads no more than this stands still, rounding aside."""


def correlation(truth: Float[np.ndarray, "frames"], made: Float[np.ndarray, "frames"], lag: int = 0) -> float:
    """Return Pearson's correlation of `truth` with `made` taken `lag` frames later.

    A curve that stands still agrees with nothing: 0. NaN where the face was hardly seen.
    """
    span = len(truth) - abs(lag)
    a, b = truth[max(-lag, 0) :][:span], made[max(lag, 0) :][:span]
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < _LEAST_FRAMES or np.std(a[known]) < _STILL:
        return float("nan")
    return float(np.corrcoef(a[known], b[known])[0, 1]) if np.std(b[known]) > _STILL else 0.0


def shared_lag(by_clip: Sequence[Sequence[float]]) -> tuple[int, float]:
    """Return the lag that is best for all clips together, and the mean correlation there.

    Args:
        by_clip: For each clip, its correlations in the order of `LAGS`.
    """
    means = np.nanmean(np.array(by_clip, np.float64).reshape(-1, len(LAGS)), axis=0)
    nearest_first = sorted(range(len(LAGS)), key=lambda i: abs(LAGS[i]))
    best = max(nearest_first, key=lambda i: means[i] if np.isfinite(means[i]) else -np.inf)
    return LAGS[best], float(means[best])


def lag_in_step(late_ms: float) -> int:
    """Return the lag of `LAGS` at which lips agree with a person's that are so late for the sound themselves.

    Args:
        late_ms: `Closings.late_ms` of the person; negative where the film's sound is late.
    """
    return int(np.clip(-round(late_ms * FPS / 1000), LAGS[0], LAGS[-1]))


def lip_error_mm(
    truth: Float32[np.ndarray, "frames 40 2"], made: Float32[np.ndarray, "frames 40 2"]
) -> float:
    """Return the mean distance of the lip landmarks, each from its own mean over the clip, in millimetres.

    Two persons' lips differ in shape, so what is compared is how they move (LME of the paper's Table 4, which
    has one person's mesh on both sides).
    """
    known = np.isfinite(truth).all(axis=(1, 2))
    if not known.any():
        return float("nan")
    a, b = truth[known], made[known]
    apart = (a - a.mean(axis=0)) - (b - b.mean(axis=0))
    return float(np.linalg.norm(apart, axis=-1).mean())


def head_error_deg(truth: Float[np.ndarray, "frames 3 3"], made: Float[np.ndarray, "frames 3 3"]) -> float:
    """Return the mean angle between the two heads, each seen from its own mean pose, in degrees."""
    known = np.isfinite(truth).all(axis=(1, 2))
    if not known.any():
        return float("nan")
    apart = from_mean(truth[known]).inv() * from_mean(made[known])
    return float(np.degrees(apart.magnitude()).mean())


def from_mean(matrices: Float[np.ndarray, "frames 3 3"]) -> Rotation:
    """Return each rotation relative to the mean of all."""
    turns = Rotation.from_matrix(matrices)
    return turns.mean().inv() * turns
