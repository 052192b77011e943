"""Drive a motion stage over known sound as a live session does: a second of idling, then one utterance."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import FPS, MOTION_SIZE
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, MotionStage, Phone, Presence, SpeechChunk

WARM_UP_FRAMES: Final = FPS


@dataclass(frozen=True, slots=True)
class Pace:
    """How the sound comes."""

    chunk_frames: int = 4
    lookahead_ms: int = 200
    """How much of the sound to come is known; 0 on a live microphone."""


def drive(
    stage: MotionStage[Any],
    pcm: Float32[np.ndarray, "samples"],
    phones: tuple[Phone, ...] | None,
    seed: int,
    pace: Pace | None = None,
) -> Float32[np.ndarray, "frames 98"]:
    """Return the motion of one utterance, frame by frame.

    Args:
        stage: What is measured.
        pcm: 16 kHz, a whole number of frames.
        phones: All of the utterance's phones, or None.
        seed: Whose habits.
        pace: Size of the chunks, and lookahead.
    """
    pace = pace or Pace()
    _, state = _idle(stage, WARM_UP_FRAMES, stage.init_state(seed), pace)
    known = pace.lookahead_ms * SPEECH_RATE_HZ // 1000
    rows: list[np.ndarray] = []
    for at in range(0, len(pcm), pace.chunk_frames * SAMPLES_PER_FRAME):
        end = min(at + pace.chunk_frames * SAMPLES_PER_FRAME, len(pcm))
        chunk = SpeechChunk(
            pcm[at:end], Presence.SPEAKING, pcm[end : end + known], 1, at / SPEECH_RATE_HZ, phones
        )
        made, state = stage.step(chunk, state)
        rows += [frame.vector() for frame in made]
    return np.array(rows, np.float32).reshape(-1, MOTION_SIZE)


def idle(
    stage: MotionStage[Any], frames: int, seed: int, pace: Pace | None = None
) -> Float32[np.ndarray, "frames 98"]:
    """Return the motion of a person who waits."""
    rows, _ = _idle(stage, frames, stage.init_state(seed), pace or Pace())
    return np.array(rows, np.float32).reshape(-1, MOTION_SIZE)


def _idle(
    stage: MotionStage[Any], frames: int, state: Any, pace: Pace
) -> tuple[list[Float32[np.ndarray, "98"]], Any]:
    rows: list[np.ndarray] = []
    while len(rows) < frames:
        size = min(pace.chunk_frames, frames - len(rows))
        made, state = stage.step(SpeechChunk(np.zeros(size * SAMPLES_PER_FRAME, np.float32)), state)
        rows += [frame.vector() for frame in made]
    return rows, state
