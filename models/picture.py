"""The seam between motion and pixels: `PictureStage`, its quality tiers, and its fake."""

from enum import IntEnum
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import UInt8

from models.motion.frame import EXPRESSION_INDEX, MotionFrame

Picture = UInt8[np.ndarray, "height width 3"]


class Tier(IntEnum):
    """How much work a picture gets; when the machine cannot keep up the tier rises, the sound never waits."""

    FULL = 0
    """Everything the stage can do."""
    WARP = 1
    """The warped portrait alone, no learned stage."""
    SPARSE = 2
    """The warped portrait, every second frame; the frame between repeats."""
    STILL = 3
    """The last picture stays; only sound goes on."""


StateT = TypeVar("StateT")


class PictureStage(Protocol[StateT]):
    """Motion in, one RGB picture out. State (past activations, past frames) is passed in and returned."""

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        ...

    def init_state(self) -> StateT:
        """Return the state before the first frame."""
        ...

    def step(self, motion: MotionFrame, state: StateT, tier: Tier) -> tuple[Picture, StateT]:
        """Return the picture [size, size, 3] of `motion`, RGB. Called with FULL or WARP only."""
        ...


def delay_of(stage: PictureStage[Any]) -> int:
    """Return how many frames a stage's pictures come after their motion: `delay_frames`, or 0 without it."""
    return int(getattr(stage, "delay_frames", 0))


class BoxPicture:
    """Fake `PictureStage`: a grey square whose dark box grows with the jaw. State: frames drawn."""

    def __init__(self, size: int = 64) -> None:
        self._size = size

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._size

    def init_state(self) -> int:
        """Start at frame 0."""
        return 0

    def step(self, motion: MotionFrame, state: int, tier: Tier) -> tuple[Picture, int]:
        """Draw the box; its height is the jaw's opening."""
        picture = np.full((self._size, self._size, 3), 160, np.uint8)
        opening = float(motion.expression[EXPRESSION_INDEX["jawOpen"]])
        half = self._size // 2
        picture[half : half + int(opening * half), half - half // 2 : half + half // 2] = 20
        return picture, state + 1
