"""The `Rasterizer` seam, and its CPU implementation: a z-buffer over triangles in numba.

Conventions shared by every implementation: pixel centres lie at integers + 0.5, x right, y down; `depth` is
the distance along the optical axis, larger is farther; triangle ids count from 0 and -1 is empty.
Barycentrics are perspective-correct. `nvdiffrast` counts triangles from 1 and keeps y up, its wrapper
converts.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int32
from numba import njit


@dataclass(frozen=True, slots=True)
class Fragments:
    """What each pixel sees."""

    triangle: Int32[np.ndarray, "height width"]
    """Nearest triangle, -1 where there is none."""
    barycentric: Float32[np.ndarray, "height width 3"]
    """Weights of its three corners; zeros where there is none."""
    depth: Float32[np.ndarray, "height width"]
    """Distance along the optical axis; infinity where there is none."""


class Rasterizer(Protocol):
    """Turns projected triangles into fragments."""

    def rasterize(
        self,
        points_px: Float32[np.ndarray, "vertices 2"],
        depth: Float32[np.ndarray, "vertices"],
        triangles: Int32[np.ndarray, "triangles 3"],
        height: int,
        width: int,
    ) -> Fragments:
        """Return the nearest triangle of each pixel. Triangles with a corner at depth ≤ 0 are left out."""
        ...


class CpuRasterizer:
    """Reference implementation: numba, one thread, no culling."""

    def rasterize(
        self,
        points_px: Float32[np.ndarray, "vertices 2"],
        depth: Float32[np.ndarray, "vertices"],
        triangles: Int32[np.ndarray, "triangles 3"],
        height: int,
        width: int,
    ) -> Fragments:
        """Fill a z-buffer, triangle by triangle."""
        triangle = np.full((height, width), -1, np.int32)
        barycentric = np.zeros((height, width, 3), np.float32)
        z = np.full((height, width), np.inf, np.float32)
        _fill(points_px, depth, triangles, triangle, barycentric, z)
        return Fragments(triangle, barycentric, z)


@njit(cache=True, nogil=True, fastmath=False)
def _fill(points, depth, triangles, out_triangle, out_barycentric, out_z):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    height, width = out_z.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        za, zb, zc = depth[a], depth[b], depth[c]
        if za <= 0 or zb <= 0 or zc <= 0:
            continue
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                wc = 1.0 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                ia, ib, ic = wa / za, wb / zb, wc / zc
                z = 1.0 / (ia + ib + ic)
                if z < out_z[y, x]:
                    out_z[y, x] = z
                    out_triangle[y, x] = t
                    out_barycentric[y, x, 0] = ia * z
                    out_barycentric[y, x, 1] = ib * z
                    out_barycentric[y, x, 2] = ic * z
