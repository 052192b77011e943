"""How alive and how calm a face is, whatever it says: jerk, blinks, the head's rhythm, spread."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy.signal import welch

from models.motion.frame import FPS
from training.evaluation.closures import runs_of

BANDS_HZ: Final = ((0.2, 1.8), (1.8, 3.7), (3.7, 7.0))
"""Slow, ordinary and rapid movements of a speaker's head (Hadar et al. 1983)."""
_BLINK: Final = 0.3
"""A blink lowers the lids by this much more than they hang at the time."""
_BLINK_EDGE: Final = 0.2
"""Share of a blink's height at which it begins and ends."""
_LONGEST_BLINK_S: Final = 0.7
"""Lids that stay down longer look down, or sleep."""


@dataclass(frozen=True, slots=True)
class Blinks:
    """Blinks of some stretch of time."""

    per_minute: float
    duration_ms: float
    """Mean; NaN where there is no blink."""
    hanging_share: float
    """Share of the time in which the lids are lowered for longer than a blink."""


def jerk(values: Float[np.ndarray, "frames *shape axes"], rate_hz: float = FPS) -> float:
    """Return the mean length of the third derivative of points over time, in their unit per s³.

    The paper's jitter (Table 4). It grows with the cube of the frame rate: compare at one rate only.
    """
    third = np.diff(values.astype(np.float64), n=3, axis=0) * rate_hz**3
    lengths = np.linalg.norm(third, axis=-1)
    return float(np.nanmean(lengths)) if np.isfinite(lengths).any() else float("nan")


def find_blinks(lids: Float32[np.ndarray, "frames"]) -> Blinks:
    """Find blinks in the closure of the lids, 0 open to 1 closed, 25 frames a second."""
    seen = int(np.isfinite(lids).sum())
    if not seen:
        return Blinks(float("nan"), float("nan"), float("nan"))
    raised = np.where(np.isfinite(lids), lids, np.nanmedian(lids)) - np.nanmedian(lids)
    spans = [_span_s(raised, run) for run in runs_of(raised > _BLINK)]
    blinks = [span for span in spans if span <= _LONGEST_BLINK_S]
    mean_ms = 1000.0 * float(np.mean(blinks)) if blinks else float("nan")
    lowered = [run.stop - run.start for run in runs_of(raised > _BLINK / 2)]
    hanging = sum(frames for frames in lowered if frames > _LONGEST_BLINK_S * FPS)
    return Blinks(60.0 * FPS * len(blinks) / seen, mean_ms, hanging / seen)


def _span_s(raised: Float[np.ndarray, "frames"], run: slice) -> float:
    """Return how long the lids are below the blink's edge, between frames by straight lines."""
    edge = _BLINK_EDGE * float(raised[run].max())
    first, last = run.start, run.stop - 1
    while first > 0 and raised[first - 1] > edge:
        first -= 1
    while last < len(raised) - 1 and raised[last + 1] > edge:
        last += 1
    before = _share(raised[first], raised[first - 1], edge) if first > 0 else 0.0
    after = _share(raised[last], raised[last + 1], edge) if last < len(raised) - 1 else 0.0
    return float(last - first + before + after) / FPS


def _share(inside: float, outside: float, edge: float) -> float:
    """Return how far from `inside` to `outside` the edge is crossed."""
    return float((inside - edge) / (inside - outside))


def head_bands(angles: Float[np.ndarray, "frames 3"], rate_hz: float = FPS) -> tuple[float, float, float]:
    """Return the shares of the head's power in `BANDS_HZ`, all axes together; NaN where it stands still."""
    known = angles[np.isfinite(angles).all(axis=1)]
    if len(known) < 2 * FPS:
        return float("nan"), float("nan"), float("nan")
    hz, power = welch(known, rate_hz, nperseg=min(len(known), 5 * FPS), axis=0, detrend="linear")
    sums = [float(power[_within(hz, low, high)].sum()) for low, high in BANDS_HZ]
    total = sum(sums)
    slow, ordinary, rapid = (s / total if total > 1e-12 else float("nan") for s in sums)
    return slow, ordinary, rapid


def _within(hz: Float[np.ndarray, "bins"], low: float, high: float) -> Bool[np.ndarray, "bins"]:
    return np.asarray((hz >= low) & (hz < high))


def spread(values: Float[np.ndarray, "frames channels"]) -> Float[np.ndarray, "channels"]:
    """Return each channel's standard deviation over time."""
    return np.asarray(np.nanstd(values.astype(np.float64), axis=0))
