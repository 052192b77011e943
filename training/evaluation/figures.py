"""The figures of one sound: some of the faces made for it alone, some against the person who spoke it.

Names carry units. Each is the mean over the samples, but for best-of and diversity, which are about all.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from training.evaluation.agreement import LAGS, correlation, head_error_deg, lip_error_mm
from training.evaluation.curves import Curves
from training.evaluation.liveliness import find_blinks, head_bands, jerk, spread
from training.evaluation.samples import BEST_OF, best_of, pairwise_angle_deg, pairwise_distance

Figures = dict[str, float]

_BANDS: Final = ("slow", "ordinary", "rapid")
_AXES: Final = ("pitch", "yaw", "roll")


def habits(samples: Sequence[Curves]) -> Figures:
    """Return what can be said of faces without knowing what the person really did."""
    return mean_of([_habits_of(one) for one in samples]) | {
        "expression_apd": pairwise_distance([one.expression for one in samples]),
        "head_apd_deg": pairwise_angle_deg([one.head for one in samples]),
    }


def _habits_of(one: Curves) -> Figures:
    blinks, head = find_blinks(one.lids), one.head_deg
    shares, deviations = head_bands(head), spread(head)
    return {
        "opening": float(np.nanmean(one.aperture)),
        "opening_std": float(np.nanstd(one.aperture)),
        "jitter_m_s3": jerk(one.points_m),
        "expression_jitter_s3": jerk(one.expression),
        "head_jitter_deg_s3": jerk(head),
        "blinks_per_minute": blinks.per_minute,
        "blink_ms": blinks.duration_ms,
        "lids_hanging_share": blinks.hanging_share,
        **{f"head_{name}_share": share for name, share in zip(_BANDS, shares, strict=True)},
        **{f"head_{axis}_std_deg": float(std) for axis, std in zip(_AXES, deviations, strict=True)},
        "expression_std": float(spread(one.expression).mean()),
    }


def agreement(truth: Curves, samples: Sequence[Curves]) -> Figures:
    """Return how samples agree with the person who spoke."""
    lips = [lip_error_mm(truth.lips_mm, one.lips_mm) for one in samples]
    heads = [head_error_deg(truth.head, one.head) for one in samples]
    return {
        **mean_of(
            [
                {
                    "aperture_correlation": correlation(truth.aperture, one.aperture),
                    "jaw_correlation": correlation(truth.jaw, one.jaw),
                }
                for one in samples
            ]
        ),
        **{f"lip_error_mm_best_of_{n}": best_of(lips, n) for n in BEST_OF},
        **{f"head_error_deg_best_of_{n}": best_of(heads, n) for n in BEST_OF},
    }


def lagged(truth: Curves, samples: Sequence[Curves]) -> tuple[float, ...]:
    """Return the aperture's correlation at each of `LAGS`, mean over the samples."""
    return tuple(
        float(np.mean([correlation(truth.aperture, one.aperture, lag) for one in samples])) for lag in LAGS
    )


def mean_of(rows: Sequence[Figures]) -> Figures:
    """Return each figure's mean over the rows that have it; NaN where none has."""
    names = dict.fromkeys(name for row in rows for name in row)
    known = {name: [row[name] for row in rows if np.isfinite(row.get(name, np.nan))] for name in names}
    return {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}
