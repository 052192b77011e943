"""What leaves a session: packets of one picture and its sound, and the end of each utterance."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Int16

from models.motion.frame import FPS
from models.motion.stage import Presence
from models.picture import Picture, Tier

MEDIA_RATE_HZ: Final = 24_000
"""Rate of the sound that is heard: whole samples per frame, room for every voice's band, Opus takes it."""
MEDIA_SAMPLES_PER_FRAME: Final = MEDIA_RATE_HZ // FPS


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """The first sound of an utterance is handed out now. Never sent for one that is cleared before."""

    segment: int
    """Number of the utterance, from 1."""


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """One utterance of the avatar is over. Sent exactly once for each, also after an early clear."""

    segment: int
    """Number of the utterance, from 1."""
    played_s: float
    """Seconds of it that were handed out as sound."""
    interrupted: bool


@dataclass(frozen=True, slots=True)
class AVPacket:
    """One video frame and the 40 ms of sound that belong to it, on one clock counted in samples."""

    index: int
    """Frame number since the session began."""
    picture: Picture
    pcm: Int16[np.ndarray, "samples"]
    """`MEDIA_SAMPLES_PER_FRAME` samples, mono, at `MEDIA_RATE_HZ`."""
    segment: int
    """Utterance heard in this packet; 0 for silence."""
    presence: Presence
    tier: Tier
    late: bool
    """True when the picture was not ready in time and the one before it is shown again."""
    finished: tuple[SegmentFinished, ...] = ()
    """Utterances whose last sample lies in this packet, or that were cleared before it."""

    @property
    def pts_samples(self) -> int:
        """Time of the packet's first sample since the session began, at `MEDIA_RATE_HZ`."""
        return self.index * MEDIA_SAMPLES_PER_FRAME
