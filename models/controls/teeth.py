"""Teeth: two arches behind the lips, which the body model lacks.

The upper arch is fixed to the skull, the lower one follows the jaw. Sizes are textbook averages of adult
teeth (Wheeler's Dental Anatomy), scaled with the person's mouth.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32, Int32

from models.motion.frame import EXPRESSION_INDEX
from models.portrait.marks import shared_marks

COLUMNS, ROWS = 49, 5
HALF_WIDTH_M: Final = 0.0265
"""Half the arch's width at the back, for a mouth of `MOUTH_M`."""
ARCH_DEPTH_M: Final = 0.030
MOUTH_M: Final = 0.050
UPPER_BACK_M, LOWER_BACK_M = 0.0040, 0.0060
"""How far the front teeth lie behind the lips' inner edge."""
UPPER_EDGE_M, LOWER_EDGE_M = 0.0022, 0.0005
"""How far the edges reach below the line where the lips meet: an overbite of 1.7 mm hides the lower teeth."""
HEIGHT_M: Final = 0.0125
"""Crown and a little gum."""
_CORNERS: Final = (61, 291)
_INNER: Final = (13, 14)
_JAWBONE: Final = (152, 148, 377, 175, 171, 396, 17, 14)
"""Landmarks that go with the jaw: chin and the lower lip's middle."""
_JAW: Final = tuple(EXPRESSION_INDEX[name] for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"))
LOWER_SCALE: Final = 0.93
"""The lower arch is the narrower one."""


@dataclass(frozen=True, slots=True)
class Teeth:
    """Both arches at rest; vertices 0 to n-1 are the upper one's."""

    rest: Float32[np.ndarray, "vertices 3"]
    triangles: Int32[np.ndarray, "triangles 3"]
    arc_mm: Float32[np.ndarray, "vertices 2"]
    """Along the arch from the middle, and up from the biting edge (negative is impossible)."""
    jaw: Float32[np.ndarray, "4 lower 3"]
    """How the lower teeth move with jawOpen, jawForward, jawLeft and jawRight."""

    @classmethod
    def build(cls, shape: Float32[np.ndarray, "components"], upper_edge_m: float = UPPER_EDGE_M) -> Self:
        """Set teeth behind this person's lips, the upper ones' edge so far below the closed lips' line."""
        marks = shared_marks()
        rest = marks.rest(shape).astype(np.float32)
        lips = rest[list(_INNER)].mean(0)
        scale = float(np.linalg.norm(rest[_CORNERS[0]] - rest[_CORNERS[1]])) / MOUTH_M
        upper = _arch(lips - np.array([0, upper_edge_m, UPPER_BACK_M], np.float32), scale, 1.0)
        edge = lips - np.array([0, LOWER_EDGE_M, LOWER_BACK_M], np.float32)
        below = _arch(edge, LOWER_SCALE * scale, -1.0)
        grid = _grid()
        arc = np.concatenate([_arc_mm(scale), _arc_mm(scale)])
        bone = list(_JAWBONE)
        moves = marks.expression[list(_JAW)][:, bone].astype(np.float32)
        jaw = np.stack([_moved(below, rest[bone], shape) for shape in moves])
        return cls(
            np.concatenate([upper, below]).astype(np.float32),
            np.concatenate([grid, grid + COLUMNS * ROWS]).astype(np.int32),
            arc,
            jaw,
        )

    def pose(self, expression: Float32[np.ndarray, "52"]) -> Float32[np.ndarray, "vertices 3"]:
        """Return the teeth in the head's rest frame, the lower ones dropped with the jaw."""
        posed = self.rest.copy()
        posed[COLUMNS * ROWS :] += np.tensordot(expression[list(_JAW)], self.jaw, 1)
        return posed


def _moved(
    points: Float32[np.ndarray, "points 3"],
    bone: Float32[np.ndarray, "marks 3"],
    moves: Float32[np.ndarray, "marks 3"],
) -> Float32[np.ndarray, "points 3"]:
    """Return how points move that are fixed to a bone: by the small turn and shift nearest to `moves`."""
    turn_and_shift = np.linalg.lstsq(_levers(bone), moves.ravel(), rcond=None)[0]
    return (_levers(points) @ turn_and_shift).reshape(points.shape).astype(np.float32)


def _levers(points: Float32[np.ndarray, "points 3"]) -> Float32[np.ndarray, "coordinates 6"]:
    """Return what a small turn about each axis and a shift along it do to the coordinates of points."""
    turns = np.cross(np.eye(3)[:, None], points)
    shifts = np.broadcast_to(np.eye(3)[:, None], turns.shape)
    return np.concatenate([turns, shifts]).reshape(6, -1).T.astype(np.float32)


def _line() -> Float32[np.ndarray, "columns"]:
    return np.linspace(-1, 1, COLUMNS, dtype=np.float32)


def _arch(edge: Float32[np.ndarray, "3"], scale: float, up: float) -> Float32[np.ndarray, "vertices 3"]:
    across = _line()
    height = np.linspace(0, up * HEIGHT_M, ROWS, dtype=np.float32)
    x = scale * HALF_WIDTH_M * across
    z = -scale * ARCH_DEPTH_M * across**2
    points = np.zeros((ROWS, COLUMNS, 3), np.float32)
    points[..., 0], points[..., 2] = edge[0] + x, edge[2] + z
    points[..., 1] = edge[1] + height[:, None]
    return points.reshape(-1, 3)


def _arc_mm(scale: float) -> Float32[np.ndarray, "vertices 2"]:
    """Arc length from the middle (in millimetres of an average mouth) and height above the edge."""
    across = _line()
    steps = np.hypot(np.diff(HALF_WIDTH_M * across), np.diff(ARCH_DEPTH_M * across**2))
    along = np.concatenate([[0], np.cumsum(steps)]) * 1000
    along -= along[COLUMNS // 2]
    height = np.linspace(0, HEIGHT_M * 1000, ROWS)
    return np.stack(np.broadcast_arrays(along[None], height[:, None]), -1).reshape(-1, 2).astype(np.float32)


def _grid() -> Int32[np.ndarray, "triangles 3"]:
    first = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    upper = np.stack([first, first + 1, first + COLUMNS], 1)
    lower = np.stack([first + 1, first + COLUMNS + 1, first + COLUMNS], 1)
    return np.concatenate([upper, lower]).astype(np.int32)
