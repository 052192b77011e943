"""Pictures as halves: 2 × 2 pixels as twelve channels, which is how the network's edges see them."""

import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit


def halved(picture: UInt8[np.ndarray, "side side 3"]) -> UInt8[np.ndarray, "half half 12"]:
    """Gather 2 × 2 pixels: channel 6·row + 3·column + colour."""
    half = picture.shape[0] // 2
    out = np.empty((half, half, 12), np.uint8)
    _gather(picture, out)
    return out


def whole(halves: Float32[np.ndarray, "half half 12"]) -> Float32[np.ndarray, "side side 3"]:
    """Spread the channels of `halved` to pixels again."""
    half = halves.shape[0]
    out = np.empty((2 * half, 2 * half, 3), np.float32)
    _spread(halves, out)
    return out


@njit(cache=True, nogil=True)
def _gather(picture, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(picture.shape[0]):
        for x in range(out.shape[1]):
            for k in range(6):
                out[y // 2, x, 6 * (y % 2) + k] = picture[y, 2 * x + k // 3, k % 3]


@njit(cache=True, nogil=True)
def _spread(halves, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(out.shape[0]):
        for x in range(halves.shape[1]):
            for k in range(6):
                out[y, 2 * x + k // 3, k % 3] = halves[y // 2, x, 6 * (y % 2) + k]
