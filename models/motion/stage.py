"""The seam between sound and motion: `MotionStage`, and the words it is asked in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import numpy as np
from jaxtyping import Float32

from models.motion.cue import Cue
from models.motion.frame import FPS, MotionFrame
from models.motion.look import AHEAD, Look

SPEECH_RATE_HZ: Final = 16_000
SAMPLES_PER_FRAME: Final = SPEECH_RATE_HZ // FPS
"""640 samples of speech belong to each video frame."""


class Presence(StrEnum):
    """Who has the floor: conditions the motion, so that idle and listening are made and not looped."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound and when it sounds."""

    symbol: str
    """ARPAbet without the stress digit (`AA`, `B`, …), or `SIL`."""
    start_s: float
    end_s: float
    stress: int = 0
    """0 unstressed, 1 primary, 2 secondary; vowels only."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """What sounds during the next n frames, and what is known of what comes after."""

    pcm: Float32[np.ndarray, "samples"]
    """16 kHz mono in -1..1; n · `SAMPLES_PER_FRAME` samples: what the avatar says or, while its presence is
    LISTENING, what the other says; zeros where nobody speaks."""
    presence: Presence = Presence.IDLE
    ahead: Float32[np.ndarray, "known"] = field(default_factory=lambda: np.zeros(0, np.float32))
    """Speech known to follow directly; may be empty, on a live microphone it is."""
    segment: int = 0
    """Number of the utterance being spoken; 0 while nobody speaks."""
    segment_s: float = 0.0
    """Time of the first sample of `pcm` within the utterance."""
    phones: tuple[Phone, ...] | None = None
    """All sounds of the utterance known so far, in utterance time; None when only the sound is known."""
    cues: tuple[Cue, ...] = ()
    """Gestures asked for: of an utterance all known so far, in order, in utterance time; in silence those
    that begin in this chunk, in seconds from its start."""
    look: Look = AHEAD
    """Where the one sits whom the person attends to."""

    @property
    def frames(self) -> int:
        """Number of frames asked for."""
        return len(self.pcm) // SAMPLES_PER_FRAME


StateT = TypeVar("StateT")


class MotionStage(Protocol[StateT]):
    """Speech in, motion out, chunk by chunk. State is passed in and returned; instances hold none."""

    def init_state(self, seed: int) -> StateT:
        """Return the state before the first frame; `seed` makes the person's habits repeatable."""
        ...

    def step(self, chunk: SpeechChunk, state: StateT) -> tuple[Sequence[MotionFrame], StateT]:
        """Return `chunk.frames` frames and the state after them. Chunked equals whole."""
        ...


class StillMotion:
    """Fake `MotionStage`: a mouth that opens with its own loudness, a body at rest. State: frames made."""

    def init_state(self, seed: int) -> int:
        """Start at frame 0; the seed changes nothing."""
        return 0

    def step(self, chunk: SpeechChunk, state: int) -> tuple[list[MotionFrame], int]:
        """Open the jaw with each frame's root mean square, unless it is another who speaks."""
        own = 0.0 if chunk.presence is Presence.LISTENING else 4.0
        frames = []
        for pcm in chunk.pcm.reshape(-1, SAMPLES_PER_FRAME):
            frame = MotionFrame.rest()
            frame.expression[24] = min(1.0, own * float(np.sqrt(np.mean(pcm**2))))
            frames.append(frame)
        return frames, state + len(frames)
