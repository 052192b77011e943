"""CPBD: the share of edges on which nobody sees blur. It needs no true picture.

Narvekar and Karam, "A No-Reference Image Blur Metric Based on the Cumulative Probability of Blur Detection
(CPBD)", IEEE Transactions on Image Processing 20 (9), 2011. An edge of width w in a block of contrast C is
seen as blurred with probability 1 - exp(-(w / w_jnb(C))^β); just noticeable is 63 %, where w = w_jnb. So an
edge counts as sharp when it is no wider than w_jnb, and β plays no part.
"""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numba import njit

BLOCK_PX: Final = 64
EDGE_SHARE: Final = 0.002
"""A block with a smaller share of edge pixels is smooth; nobody looks for edges there."""
LOW_CONTRAST: Final = 50
WIDE_PX, NARROW_PX = 5, 3
"""w_jnb up to `LOW_CONTRAST`, and above it."""
LEAST_EDGES: Final = 20
"""With fewer edges a picture has no sharpness."""
_THRESHOLD: Final = 4.0
"""An edge's squared gradient is at least this times the picture's mean (Sobel's usual threshold)."""


def cpbd(picture: UInt8[np.ndarray, "height width 3"]) -> float:
    """Return the share of a picture's vertical edges that are sharp, 0..1; NaN where there are hardly any.

    What is an edge depends on the whole picture: give the part that is meant, or what is sharp beside it
    hides its blurred edges.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    slope = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    edge = _edge_pixels(slope)
    limit = _just_noticeable_px(grey, edge)
    rows, columns = np.nonzero(edge & (limit > 0))
    if len(rows) < LEAST_EDGES:
        return float("nan")
    widths = _widths(grey.astype(np.int64), rows, columns, slope[rows, columns] > 0)
    return float((widths <= limit[rows, columns]).mean())


def _edge_pixels(slope: Float32[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Return the crests of the horizontal gradient that are strong enough."""
    power = slope**2
    crest = np.zeros(slope.shape, bool)
    crest[:, 1:-1] = (power[:, 1:-1] >= power[:, :-2]) & (power[:, 1:-1] > power[:, 2:])
    return np.asarray(crest & (power > _THRESHOLD * power.mean()))


def _just_noticeable_px(
    grey: UInt8[np.ndarray, "height width"], edge: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width"]:
    """Return w_jnb of each pixel's block in pixels; 0 in blocks without edges."""
    limit = np.zeros(grey.shape, np.float32)
    for top in range(0, grey.shape[0], BLOCK_PX):
        for left in range(0, grey.shape[1], BLOCK_PX):
            block = np.s_[top : top + BLOCK_PX, left : left + BLOCK_PX]
            if edge[block].mean() > EDGE_SHARE:
                contrast = int(grey[block].max()) - int(grey[block].min())
                limit[block] = WIDE_PX if contrast <= LOW_CONTRAST else NARROW_PX
    return limit


@njit(cache=True, nogil=True)
def _widths(grey, rows, columns, rising):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return how far apart the extrema beside each edge lie, along its row (Marziliano et al. 2004)."""
    width = grey.shape[1]
    out = np.empty(len(rows), np.int64)
    for n in range(len(rows)):
        y, sign = rows[n], 1 if rising[n] else -1
        left, right = columns[n], columns[n]
        while left > 0 and sign * (grey[y, left] - grey[y, left - 1]) > 0:
            left -= 1
        while right < width - 1 and sign * (grey[y, right + 1] - grey[y, right]) > 0:
            right += 1
        out[n] = right - left
    return out
