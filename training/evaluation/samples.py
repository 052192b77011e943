"""Many samples of one sound: how far apart they lie, and how good the best of them is."""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

BEST_OF: Final = (1, 3, 5, 8)
"""Numbers of samples of the paper's Table 4."""


def pairwise_distance(samples: Sequence[Float[np.ndarray, "frames channels"]]) -> float:
    """Return the mean distance of two samples in one frame (APD); NaN for a single sample."""
    apart = [float(np.linalg.norm(a - b, axis=1).mean()) for a, b in combinations(samples, 2)]
    return float(np.mean(apart)) if apart else float("nan")


def pairwise_angle_deg(samples: Sequence[Float[np.ndarray, "frames 3 3"]]) -> float:
    """Return the mean angle between two samples' heads in one frame, in degrees; NaN for a single sample.

    Frames in which either head is not known, NaN, are left out.
    """
    apart = [_apart_deg(a, b) for a, b in combinations(samples, 2)]
    return float(np.mean(apart)) if apart else float("nan")


def _apart_deg(a: Float[np.ndarray, "frames 3 3"], b: Float[np.ndarray, "frames 3 3"]) -> float:
    known = np.isfinite(a).all((1, 2)) & np.isfinite(b).all((1, 2))
    if not known.any():
        return float("nan")
    turn = Rotation.from_matrix(a[known]).inv() * Rotation.from_matrix(b[known])
    return float(np.degrees(turn.magnitude()).mean())


def best_of(errors: Sequence[float], number: int) -> float:
    """Return the smallest error expected among `number` samples drawn from these; NaN with fewer.

    The mean over all choices, so that the order of the seeds plays no part.
    """
    known = sorted(errors)
    if number > len(known) or not np.isfinite(known).all():
        return float("nan")
    ways = [comb(len(known) - 1 - rank, number - 1) for rank in range(len(known))]
    return float(np.dot(ways, known) / comb(len(known), number))
