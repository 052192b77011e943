"""What the picture stage remembers between frames."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

from models.video.conditions import SIDE
from models.video.shape import PictureShape

PAST: Final = 2
"""Frames that a temporal convolution looks back."""


@dataclass(frozen=True, slots=True)
class PictureMemory:
    """Past activations of each temporal convolution, for each step of the sampler, the frame before first.

    Zeros stand for what was before the first frame.
    """

    grid: Float32[np.ndarray, "steps twice_width rows columns"]
    deep: Float32[np.ndarray, "steps twice_deep half_rows half_columns"]

    @classmethod
    def empty(cls, shape: PictureShape, steps: int) -> Self:
        """Return the memory before the first frame."""
        rows = SIDE // shape.patch
        return cls(
            np.zeros((steps, PAST * shape.width, rows, rows), np.float32),
            np.zeros((steps, PAST * shape.deep, rows // 2, rows // 2), np.float32),
        )

    def next(
        self,
        grid: Float32[np.ndarray, "steps width rows columns"],
        deep: Float32[np.ndarray, "steps deep h w"],
    ) -> Self:
        """Return the memory after a frame; the oldest falls out."""
        return type(self)(
            np.concatenate([grid, self.grid[:, : -grid.shape[1]]], 1),
            np.concatenate([deep, self.deep[:, : -deep.shape[1]]], 1),
        )
