"""What two curves of one mouth, and two of one voice, tell of a call: how late, and how well together."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float64

GRID_MS: Final = 5.0
LONGEST_MS: Final = 1500.0
AGREES: Final = 0.5
"""Of curves that agree less, as where too few pictures are shown, the shift says nothing: it is null."""
STRETCH_MS: Final = 4000.0
"""Long enough for every opening of the film's mouth."""

Curve = Float64[np.ndarray, "moments 2"]
"""Milliseconds since 1970, and how open the mouth or how loud the voice was then."""

Moments = Float64[np.ndarray, "moments"]
"""Milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What one end of a call saw and heard."""

    mouth: Curve
    sound: Curve
    moved_ms: Moments = field(default_factory=lambda: np.zeros(0))
    """When the face was seen to move, where that was looked for."""


def figures(sent: Curves, got: Curves) -> dict[str, float | None]:
    """Return the figures of one stretch of a call; null where the curves do not agree.

    `desync_ms` is by how much the mouth came later than the voice: the shift of the one from sender to
    receiver less that of the other. `_end` is of the last eight seconds alone.

    Raises:
        ValueError: a curve is empty.
    """
    if min(map(len, (sent.mouth, sent.sound, got.mouth, got.sound))) < 2:
        raise ValueError("there is nothing to compare: a mouth or a voice was not there at all")
    lag_ms, agreement = shift(sent.mouth, got.mouth)
    heard_ms, heard_agreement = shift(sent.sound, got.sound)
    agrees, both = agreement >= AGREES, min(agreement, heard_agreement) >= AGREES
    return {
        "glass_to_glass_ms": lag_ms if agrees else None,
        **spread(sent.mouth, got.mouth),
        "mouth_to_ear_ms": heard_ms if heard_agreement >= AGREES else None,
        "desync_ms": lag_ms - heard_ms if both else None,
        "desync_end_ms": _desync_at_end(sent, got),
        "agreement": round(agreement, 3),
        "voice_agreement": round(heard_agreement, 3),
        "longest_freeze_ms": longest_freeze_ms(got.moved_ms),
    }


def _desync_at_end(sent: Curves, got: Curves) -> float | None:
    end = min(curve[-1, 0] for curve in (sent.mouth, got.mouth, sent.sound, got.sound))
    begin = end - 2 * STRETCH_MS - LONGEST_MS
    (late_ms, mouth), (heard_ms, voice) = (
        shift(_within(one, begin, end), _within(other, begin, end))
        for one, other in ((sent.mouth, got.mouth), (sent.sound, got.sound))
    )
    return late_ms - heard_ms if min(mouth, voice) >= AGREES else None


def shift(sent: Curve, got: Curve) -> tuple[float, float]:
    """Return by how many milliseconds the second curve is later, and how well both agree then, up to 1."""
    if min(len(sent), len(got)) < 2:
        return 0.0, 0.0
    begin, end = max(sent[0, 0], got[0, 0]), min(sent[-1, 0], got[-1, 0])
    grid = np.arange(begin, end - LONGEST_MS, GRID_MS)
    if not len(grid):
        return 0.0, 0.0
    true = _standard(np.interp(grid, *sent.T))
    lags = np.arange(0.0, LONGEST_MS, GRID_MS)
    fits = [float(np.mean(true * _standard(np.interp(grid + lag, *got.T)))) for lag in lags]
    best = int(np.argmax(fits))
    return float(lags[best]), fits[best]


def spread(sent: Curve, got: Curve) -> dict[str, float | None]:
    """Return p50 and p95 of the shift over stretches, half of each shared with the next."""
    end = min(sent[-1, 0], got[-1, 0]) - LONGEST_MS
    begins = np.arange(max(sent[0, 0], got[0, 0]), end - STRETCH_MS + 1, STRETCH_MS / 2)
    found = [
        shift(*(_within(curve, begin, begin + STRETCH_MS + LONGEST_MS) for curve in (sent, got)))
        for begin in begins
    ]
    shifts = [lag_ms for lag_ms, agreement in found if agreement >= AGREES]
    return {f"glass_to_glass_p{q}_ms": float(np.percentile(shifts, q)) if shifts else None for q in (50, 95)}


def longest_freeze_ms(moved_ms: Moments) -> float | None:
    """Return the longest time between two movements of the face; null where it moved less than twice."""
    return round(float(np.diff(moved_ms).max())) if len(moved_ms) > 1 else None


def _within(curve: Curve, begin_ms: float, end_ms: float) -> Curve:
    return curve[(curve[:, 0] >= begin_ms) & (curve[:, 0] <= end_ms)]


def _standard(values: Float64[np.ndarray, "moments"]) -> Float64[np.ndarray, "moments"]:
    return (values - values.mean()) / max(float(values.std()), 1e-9)
