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


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp"})
def _fill(points, depth, triangles, out_triangle, out_barycentric, out_z):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Walk each triangle's box; two edge functions step along, the third is what is left of one."""
    height, width = out_z.shape
    half, one = np.float32(0.5), np.float32(1.0)
    # Rounding must not let a pixel on a common edge fall between its two triangles.
    slack = np.float32(-1e-5)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        za, zb, zc = depth[a], depth[b], depth[c]
        if area == 0 or za <= 0 or zb <= 0 or zc <= 0:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - half)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - half)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - half)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - half)), height - 1)
        if x0 > x1 or y0 > y1:
            continue
        inverse = one / area
        a_dx, a_dy = (by - cy) * inverse, (cx - bx) * inverse
        b_dx, b_dy = (cy - ay) * inverse, (ax - cx) * inverse
        near_a, near_b, near_c = one / za, one / zb, one / zc
        for y in range(y0, y1 + 1):
            wa = a_dx * (x0 + half - cx) + a_dy * (y + half - cy)
            wb = b_dx * (x0 + half - cx) + b_dy * (y + half - cy)
            for x in range(x0, x1 + 1):
                wc = one - wa - wb
                if wa >= slack and wb >= slack and wc >= slack:
                    ia, ib, ic = wa * near_a, wb * near_b, wc * near_c
                    z = one / (ia + ib + ic)
                    if z < out_z[y, x]:
                        out_z[y, x] = z
                        out_triangle[y, x] = t
                        out_barycentric[y, x, 0] = ia * z
                        out_barycentric[y, x, 1] = ib * z
                        out_barycentric[y, x, 2] = ic * z
                wa += a_dx
                wb += b_dx
