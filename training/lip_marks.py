"""Tie the landmarks of the lips to the lips' own edges.

A landmarker looks at renders of a shut mouth and cannot tell which lip an inner landmark lies on; and moving
landmarks by their median error on photographs, most of which smile, moves the lips' edge up onto the lip.
Then half of the teeth in a photo count as lip. So the inner ring is laid where the body's opening begins.
"""

from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32

from models.body.body import BodyModel, joint_rotations
from models.body.rig import Region
from models.controls.raster import CpuRasterizer
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, MotionFrame
from models.portrait.solve import MarkModel

UPPER: Final = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Landmarks across the upper lip, ring by ring from the outer edge to the inner one, corners left out."""
LOWER: Final = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
PARTED: Final = 0.15
"""Weight of the jaw that shows where each lip ends."""
PX_PER_M: Final = 12_000
SIDE: Final = 1024
_INSIDE: Final = (Region.MOUTH, Region.TONGUE)


def tie_lips(body: BodyModel, marks: MarkModel) -> MarkModel:
    """Return the landmarks with the inner lips on the body's edges, and the rings between in even steps.

    Args:
        body: the mean body and how it changes.
        marks: the outer lips are believed, and of the inner ones how far to the side they lie.
    """
    tied = MarkModel(marks.mean.copy(), marks.shape.copy(), marks.expression.copy())
    middle = marks.mean[[*UPPER[0], *LOWER[0]]].mean(0)
    triangle, barycentric = _parted(body, middle)
    inside = np.isin(body.regions[triangle], _INSIDE) & (triangle >= 0)
    for rings, upper in ((UPPER, True), (LOWER, False)):
        for outer, *between, inner in zip(*rings, strict=True):
            column = round(float(PX_PER_M * (marks.mean[inner, 0] - middle[0]) + SIDE / 2))
            rows = np.flatnonzero(inside[:, column])
            if len(rows) == 0:
                raise ValueError(f"the lips do not part where landmark {inner} lies")
            row = rows[0] - 1 if upper else rows[-1] + 1
            edge = on_surface(body, triangle[row, column, None], barycentric[row, column, None])
            for array, found in zip(_arrays(tied), _arrays(edge), strict=True):
                array[:, inner] = found[:, 0]
            for number, mark in enumerate(between, start=1):
                _between(tied, mark, outer, inner, number / (len(between) + 1))
    return tied


def on_surface(
    body: BodyModel,
    triangle: Int32[np.ndarray, "marks"],
    barycentric: Float[np.ndarray, "marks 3"],
) -> MarkModel:
    """Lift mean, shape and expression from vertices to points of the surface."""
    corners = body.triangles[triangle]
    expression = np.zeros((len(EXPRESSIONS), len(body.mean), 3), np.float32)
    expression[:, body.expression_vertices] = body.expression

    def lift(array: Float32[np.ndarray, "... vertices 3"]) -> Float64[np.ndarray, "... marks 3"]:
        return np.einsum("mk,...mkc->...mc", barycentric, array[..., corners, :]).astype(np.float64)

    return MarkModel(lift(body.mean), lift(body.shape), lift(expression))


def _arrays(marks: MarkModel) -> tuple[Float64[np.ndarray, "any marks 3"], ...]:
    return marks.mean[None], marks.shape, marks.expression


def _parted(
    body: BodyModel, middle: Float64[np.ndarray, "3"]
) -> tuple[np.ndarray, Float32[np.ndarray, "side side 3"]]:
    """Look at the mean body's parted lips from straight ahead."""
    rest = MotionFrame.rest()
    expression = rest.expression.copy()
    expression[EXPRESSION_INDEX["jawOpen"]] = PARTED
    still = joint_rotations(rest, np.zeros((len(body.joint_mean), 3), np.float32))
    vertices = body.identity(np.zeros(body.components, np.float32)).pose(expression, still)
    points = SIDE / 2 + PX_PER_M * (vertices[:, :2] - middle[:2]) * (1, -1)
    seen = CpuRasterizer().rasterize(
        points.astype(np.float32), 1.0 - vertices[:, 2], body.triangles, SIDE, SIDE
    )
    return seen.triangle, seen.barycentric


def _between(marks: MarkModel, mark: int, outer: int, inner: int, share: float) -> None:
    for array in _arrays(marks):
        array[:, mark] = (1 - share) * array[:, outer] + share * array[:, inner]
