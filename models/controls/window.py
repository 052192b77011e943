"""A square window of the picture: where a learned stage looks, at a resolution of its own."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

MARGIN: Final = 1.5
"""Side of the face's window over the face's height: jaw, hairline, and room to nod and turn."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square of the picture, in its pixels."""

    left: int
    top: int
    span: int
    """Side of the square."""

    @classmethod
    def around_face(cls, marks: Float32[np.ndarray, "marks 2"], side: int, margin: float = MARGIN) -> Self:
        """Return the window of a face by its landmarks, inside a picture of this side."""
        low, high = marks.min(0), marks.max(0)
        span = int(min(side, 2 * round(margin * float(high[1] - low[1]) / 2)))
        corner = np.clip(np.round((low + high - span) / 2), 0, side - span).astype(int)
        return cls(int(corner[0]), int(corner[1]), span)

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        return np.s_[self.top : self.top + self.span, self.left : self.left + self.span]

    def inside(self, points: Float32[np.ndarray, "points 2"], side: int) -> Float32[np.ndarray, "points 2"]:
        """Carry points of the picture into the window, drawn with `side` pixels."""
        corner = np.array([self.left, self.top], np.float32)
        return (points - corner) * np.float32(side / self.span)

    def look(
        self, picture: UInt8[np.ndarray, "rows columns 3"], side: int
    ) -> UInt8[np.ndarray, "side side 3"]:
        """Return what the window shows of a picture, with `side` pixels."""
        shrinks = side <= self.span
        return cv2.resize(
            picture[self.box], (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
