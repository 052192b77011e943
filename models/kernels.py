"""Small sums of the hot path, compiled: BLAS would wake its threads for them, and wait for busy cores."""

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit


def combine(
    weights: Float32[np.ndarray, "components"], basis: Float32[np.ndarray, "components points 3"]
) -> Float32[np.ndarray, "points 3"]:
    """Return Σₖ wₖ·basisₖ; components of weight zero cost nothing."""
    out = np.zeros(basis.shape[1:], np.float32)
    _combine(weights.astype(np.float32), basis, out)
    return out


def gather(
    weights: Float32[np.ndarray, "rows terms"],
    index: Int32[np.ndarray, "rows terms"],
    values: Float32[np.ndarray, "points channels"],
) -> Float32[np.ndarray, "rows channels"]:
    """Return for each row the weighted sum of the values it names."""
    out = np.zeros((len(weights), values.shape[1]), np.float32)
    _gather(weights, index, values, out)
    return out


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _combine(weights, basis, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for k in range(weights.shape[0]):
        weight = weights[k]
        if weight != 0:
            for p in range(out.shape[0]):
                for c in range(3):
                    out[p, c] += weight * basis[k, p, c]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _gather(weights, index, values, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for row in range(weights.shape[0]):
        for term in range(weights.shape[1]):
            weight, point = weights[row, term], index[row, term]
            for c in range(values.shape[1]):
                out[row, c] += weight * values[point, c]
