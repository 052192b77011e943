"""Products of one or two rows with the weights, compiled: bound by memory; BLAS would wake its threads."""

import numpy as np
from jaxtyping import Float32
from numba import njit

Rows = Float32[np.ndarray, "rows features"]


def affine(x: Rows, weight: Float32[np.ndarray, "out features"], bias: Float32[np.ndarray, "out"]) -> Rows:
    """Return x·Wᵀ + b."""
    out = np.empty((len(x), len(weight)), np.float32)
    _affine(np.ascontiguousarray(x), weight, bias, out)
    return out


def normalise(
    x: Rows, weight: Float32[np.ndarray, "features"], bias: Float32[np.ndarray, "features"]
) -> Rows:
    """Return the layer norm of each row (Ba et al. 2016)."""
    out = np.empty_like(x)
    _normalise(x, weight, bias, out)
    return out


def rotate(
    x: Float32[np.ndarray, "rows heads size"],
    cos: Float32[np.ndarray, "half"],
    sin: Float32[np.ndarray, "half"],
) -> Float32[np.ndarray, "rows heads size"]:
    """Turn pairs of features by an angle (RoPE, Su et al. 2021)."""
    out = np.empty_like(x)
    _rotate(x, cos, sin, out)
    return out


def silu(x: Rows) -> Rows:
    """Return x·sigmoid(x)."""
    out = np.empty_like(x)
    _silu(x.ravel(), out.ravel())
    return out


def attend(
    query: Float32[np.ndarray, "rows heads size"],
    keys: Float32[np.ndarray, "rows slots heads size"],
    values: Float32[np.ndarray, "rows slots heads size"],
    slots: int,
    own_key: Float32[np.ndarray, "rows heads size"],
    own_value: Float32[np.ndarray, "rows heads size"],
) -> Rows:
    """Return what each row's query finds in its first `slots` cached frames and in itself."""
    out = np.empty_like(query)
    _attend(query, keys, values, slots, own_key, own_value, out)
    return out.reshape(len(query), -1)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _affine(x, weight, bias, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for o in range(weight.shape[0]):
        for r in range(x.shape[0]):
            total = np.float32(0.0)
            for i in range(weight.shape[1]):
                total += x[r, i] * weight[o, i]
            out[r, o] = total + bias[o]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _normalise(x, weight, bias, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    rows, features = x.shape
    for r in range(rows):
        mean, square = np.float32(0.0), np.float32(0.0)
        for i in range(features):
            mean += x[r, i]
        mean /= np.float32(features)
        for i in range(features):
            square += (x[r, i] - mean) ** 2
        scale = np.float32(1.0) / np.sqrt(square / np.float32(features) + np.float32(1e-5))
        for i in range(features):
            out[r, i] = (x[r, i] - mean) * scale * weight[i] + bias[i]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _rotate(x, cos, sin, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    half = len(cos)
    for r in range(x.shape[0]):
        for h in range(x.shape[1]):
            for i in range(half):
                a, b = x[r, h, i], x[r, h, half + i]
                out[r, h, i] = a * cos[i] - b * sin[i]
                out[r, h, half + i] = a * sin[i] + b * cos[i]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _silu(x, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for i in range(len(x)):
        out[i] = x[i] / (np.float32(1.0) + np.exp(-x[i]))


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _attend(query, keys, values, slots, own_key, own_value, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    rows, heads, size = query.shape
    scale = np.float32(1.0 / np.sqrt(size))
    scores = np.empty(slots + 1, np.float32)
    for r in range(rows):
        for h in range(heads):
            for s in range(slots + 1):
                score = np.float32(0.0)
                for i in range(size):
                    score += query[r, h, i] * (keys[r, s, h, i] if s < slots else own_key[r, h, i])
                scores[s] = score * scale
            top = scores.max()
            total = np.float32(0.0)
            for s in range(slots + 1):
                scores[s] = np.exp(scores[s] - top)
                total += scores[s]
            for i in range(size):
                out[r, h, i] = own_value[r, h, i] * scores[slots] / total
            for s in range(slots):
                share = scores[s] / total
                for i in range(size):
                    out[r, h, i] += share * values[r, s, h, i]
