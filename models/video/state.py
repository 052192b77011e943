"""What the picture network remembers of the frames before: the past of its temporal convolutions."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

from models.video.conditions import SIDE
from models.video.shape import PictureShape

PAST: Final = 2
"""Frames that a temporal convolution looks back at."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Activations of one frame where the temporal convolutions look, for each step of the sampler.

    Channels come last, as the runtimes have them at hand.
    """

    grid: Float32[np.ndarray, "steps rows columns width"]
    deep: Float32[np.ndarray, "steps half_rows half_columns deep"]


@dataclass(frozen=True, slots=True)
class PictureMemory:
    """The last frames, the newest first. Zeros stand for what was before the first frame."""

    frames: tuple[Remembered, ...]

    @classmethod
    def empty(cls, shape: PictureShape, steps: int) -> Self:
        """Return the memory before the first frame."""
        rows = SIDE // shape.patch
        nothing = Remembered(
            np.zeros((steps, rows, rows, shape.width), np.float32),
            np.zeros((steps, rows // 2, rows // 2, shape.deep), np.float32),
        )
        return cls((nothing,) * PAST)

    def next(self, frame: Remembered) -> Self:
        """Return the memory after a frame; the oldest falls out."""
        return type(self)((frame, *self.frames[:-1]))
