"""Carry per-vertex attributes to pixels."""

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit

from models.controls.raster import Fragments


def interpolate(
    fragments: Fragments,
    triangles: Int32[np.ndarray, "triangles 3"],
    attributes: Float32[np.ndarray, "vertices channels"],
    empty: float = np.nan,
) -> Float32[np.ndarray, "height width channels"]:
    """Return the attributes at each pixel; `empty` where no triangle lies."""
    height, width = fragments.triangle.shape
    out = np.full((height, width, attributes.shape[1]), empty, np.float32)
    _interpolate(fragments.triangle, fragments.barycentric, triangles, attributes, out)
    return out


@njit(cache=True, nogil=True)
def _interpolate(triangle, barycentric, triangles, attributes, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            t = triangle[y, x]
            if t < 0:
                continue
            for c in range(out.shape[2]):
                out[y, x, c] = (
                    barycentric[y, x, 0] * attributes[triangles[t, 0], c]
                    + barycentric[y, x, 1] * attributes[triangles[t, 1], c]
                    + barycentric[y, x, 2] * attributes[triangles[t, 2], c]
                )
