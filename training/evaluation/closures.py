"""Do the lips close where one hears that they must: on p, b and m."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Bool, Float32

from models.motion.frame import FPS
from models.motion.stage import Phone

BILABIALS: Final = frozenset({"P", "B", "M"})
_UNDECIDED: Final = frozenset({"F", "V", "SIL"})
"""Lips that are closed here are neither right nor wrong: teeth on the lip, and rest."""
CLOSED: Final = 0.15
"""Share of the speaker's 90th percentile of aperture below which lips count as closed."""
REACH_FRAMES: Final = 2


@dataclass(frozen=True, slots=True)
class ClosureCount:
    """Closures over some speech; counts add up."""

    spoken: int = 0
    """Bilabials said."""
    closed: int = 0
    """Of these, with the lips closed within `REACH_FRAMES`."""
    made: int = 0
    """Closures of the lips in speech."""
    right: int = 0
    """Of these, within `REACH_FRAMES` of a bilabial."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.spoken + other.spoken, self.closed + other.closed, self.made + other.made,
            self.right + other.right,
        )  # fmt: skip

    @property
    def recall(self) -> float:
        """Return the share of bilabials with closed lips; NaN without any."""
        return self.closed / self.spoken if self.spoken else float("nan")

    @property
    def precision(self) -> float:
        """Return the share of closures that belong to a bilabial; NaN without any."""
        return self.right / self.made if self.made else float("nan")


def count_closures(phones: Iterable[Phone], aperture: Float32[np.ndarray, "frames"]) -> ClosureCount:
    """Count the closures of one utterance; frames without a face are left out.

    Args:
        phones: What was said, in utterance time.
        aperture: Of the inner lips, frame by frame from the utterance's start.
    """
    if not np.isfinite(aperture).any():
        return ClosureCount()
    closed = aperture < CLOSED * np.nanpercentile(aperture, 90)
    bilabial, undecided = np.zeros(len(aperture), bool), np.zeros(len(aperture), bool)
    spoken = hit = 0
    for phone in phones:
        near = _frames_of(phone, len(aperture))
        if phone.symbol in BILABIALS and np.isfinite(aperture[near]).any():
            spoken, hit = spoken + 1, hit + bool(closed[near].any())
            bilabial[near] = True
        elif phone.symbol in _UNDECIDED:
            undecided[near] = True
    runs = [run for run in runs_of(closed) if bilabial[run].any() or not undecided[run].any()]
    return ClosureCount(spoken, hit, len(runs), sum(bool(bilabial[run].any()) for run in runs))


def runs_of(mask: Bool[np.ndarray, "frames"]) -> list[slice]:
    """Return the runs of frames where `mask` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _frames_of(phone: Phone, frames: int) -> slice:
    """Return the frames in which the phone sounds, and `REACH_FRAMES` on either side."""
    first, last = int(phone.start_s * FPS), int(np.ceil(phone.end_s * FPS))
    return slice(max(first - REACH_FRAMES, 0), min(last + REACH_FRAMES, frames))
