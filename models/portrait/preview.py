"""The preview picture of an avatar: the photo, and the fitted mesh over it."""

import numpy as np
from jaxtyping import UInt8

from models.avatar import Avatar
from models.body.body import gazing_rotations, shared_body
from models.camera import project
from models.controls.raster import CpuRasterizer


def draw_preview(avatar: Avatar) -> UInt8[np.ndarray, "side width 3"]:
    """Return photo and shaded mesh side by side, RGB."""
    body, fit, side = shared_body(), avatar.fit, avatar.side
    vertices = body.identity(fit.shape).pose(fit.expression, gazing_rotations(fit.expression, fit.rotations))
    points, depth = project(vertices, fit.translation, fit.focal_px, side)
    fragments = CpuRasterizer().rasterize(points, depth, body.triangles, side, side)
    a, b, c = (vertices[body.triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    facing = np.abs(normals[:, 2]) / (np.linalg.norm(normals, axis=1) + 1e-12)
    covered = fragments.triangle >= 0
    shade = (0.35 + 0.65 * facing[fragments.triangle[covered]])[:, None] * np.array([110, 220, 200])
    mesh = avatar.reference.astype(np.float32)
    mesh[covered] = 0.45 * mesh[covered] + 0.55 * shade
    return np.concatenate([avatar.reference, mesh.astype(np.uint8)], 1)
