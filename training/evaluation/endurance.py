"""Hours in one stream: whether what the motion does in its last block looks like what it did in its first.

One state lives through the same conversation over and over: waiting, listening to a voice, speaking by sound
alone. Every block of frames is summed up by itself, so a drift of numerics shows as a row of figures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, FPS, JOINT_INDEX, MOTION_SIZE
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, MotionStage, Presence, SpeechChunk
from training.evaluation.liveliness import find_blinks, jerk
from training.evaluation.tables import json_line

CHUNK_FRAMES: Final = 4
LOOKAHEAD_FRAMES: Final = 5
_PAUSE_FRAMES: Final = 4 * FPS
"""How long the person waits, and listens, before each answer."""
_HEAD: Final = len(EXPRESSIONS) + 3 * JOINT_INDEX["head"]
_JAW, _CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
_LIDS: Final = EXPRESSION_INDEX["eyeBlinkLeft"]

Motion = Float32[np.ndarray, "frames 98"]


@dataclass(frozen=True, slots=True)
class Block:
    """What was seen in one stretch of frames."""

    first_frame: int
    frames: int
    finite: bool
    speaking_opening: float
    """Mean of `jawOpen` less `mouthClose` while speaking; an ARKit weight."""
    speaking_opening_std: float
    speaking_opening_p95: float
    quiet_opening: float
    """The same while waiting and listening."""
    quiet_opening_p99: float
    head_pitch_deg: float
    head_pitch_std_deg: float
    head_yaw_std_deg: float
    expression_jitter_s3: float
    blinks_per_minute: float
    blink_ms: float
    lids_hanging_share: float
    """Share of the time in which the lids are lowered for longer than a blink."""
    furthest: float
    """Largest channel of any frame: a weight, or radians."""
    cached: float
    """Largest key or value that attention remembers at the block's end; NaN for other stages."""

    def as_json(self) -> str:
        """Return one line; what is not known is null."""
        return json_line(asdict(self))


def converse(answers: Sequence[Float32[np.ndarray, "samples"]]) -> Iterator[SpeechChunk]:
    """Wait, listen to an answer as another's voice, speak the next one; for ever.

    Args:
        answers: 16 kHz, whole numbers of frames.
    """
    number = 0
    while True:
        for _ in range(0, _PAUSE_FRAMES, CHUNK_FRAMES):
            yield SpeechChunk(np.zeros(CHUNK_FRAMES * SAMPLES_PER_FRAME, np.float32))
        heard = answers[number % len(answers)][: _PAUSE_FRAMES * SAMPLES_PER_FRAME]
        for pcm, _ in _cut(heard):
            yield SpeechChunk(pcm, Presence.LISTENING)
        number += 1
        said = answers[number % len(answers)]
        for pcm, at in _cut(said):
            ahead = said[at + len(pcm) :][: LOOKAHEAD_FRAMES * SAMPLES_PER_FRAME]
            yield SpeechChunk(pcm, Presence.SPEAKING, ahead, number, at / SPEECH_RATE_HZ)


def endure(
    stage: MotionStage[Any],
    answers: Sequence[Float32[np.ndarray, "samples"]],
    frames: int,
    block_frames: int,
    seed: int = 0,
) -> Iterator[Block]:
    """Yield each block as soon as it was made; the last one may be shorter.

    Args:
        stage: What is measured.
        answers: What it says and hears, 16 kHz, whole numbers of frames.
        frames: How long one state lives.
        block_frames: Frames that are summed up together.
        seed: Whose habits.
    """
    state, block = stage.init_state(seed), _Rows(0)
    for chunk in converse(answers):
        made, state = stage.step(chunk, state)
        block.add(made, speaking=chunk.presence is Presence.SPEAKING)
        left = frames - block.first_frame
        if len(block) >= min(block_frames, left):
            yield block.sum_up(min(block_frames, left), _cached(state))
            if left <= block_frames:
                return
            block = block.rest(block_frames)


@dataclass(slots=True)
class _Rows:
    """Frames of the block that is being filled."""

    first_frame: int
    motion: list[Float32[np.ndarray, "98"]] = field(default_factory=list)
    speaking: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.motion)

    def add(self, made: Sequence[Any], *, speaking: bool) -> None:
        self.motion += [frame.vector() for frame in made]
        self.speaking += [speaking] * len(made)

    def rest(self, frames: int) -> "_Rows":
        return _Rows(self.first_frame + frames, self.motion[frames:], self.speaking[frames:])

    def sum_up(self, frames: int, cached: float) -> Block:
        """Return the figures of the first `frames` frames; what was made of the next block does not count.

        Args:
            frames: How many.
            cached: Largest key or value in the attention's memory.
        """
        motion = np.array(self.motion[:frames], np.float32).reshape(-1, MOTION_SIZE)
        speaking = np.array(self.speaking[:frames])
        opening = motion[:, _JAW] - motion[:, _CLOSE]
        said, quiet = opening[speaking], opening[~speaking]
        head_deg = np.degrees(motion[:, _HEAD : _HEAD + 3])
        blinks = find_blinks(motion[:, _LIDS])
        return Block(
            first_frame=self.first_frame,
            frames=len(motion),
            finite=bool(np.isfinite(motion).all()),
            speaking_opening=_of(np.mean, said),
            speaking_opening_std=_of(np.std, said),
            speaking_opening_p95=_of(np.percentile, said, 95),
            quiet_opening=_of(np.mean, quiet),
            quiet_opening_p99=_of(np.percentile, quiet, 99),
            head_pitch_deg=_of(np.mean, head_deg[:, 0]),
            head_pitch_std_deg=_of(np.std, head_deg[:, 0]),
            head_yaw_std_deg=_of(np.std, head_deg[:, 1]),
            expression_jitter_s3=jerk(motion[:, : len(EXPRESSIONS)]),
            blinks_per_minute=blinks.per_minute,
            blink_ms=blinks.duration_ms,
            lids_hanging_share=blinks.hanging_share,
            furthest=float(np.abs(motion).max()),
            cached=cached,
        )


def _of(figure: Any, values: Float32[np.ndarray, "some"], *arguments: float) -> float:
    return float(figure(values.astype(np.float64), *arguments)) if len(values) else float("nan")


def _cached(state: Any) -> float:
    """Return the largest entry of the attention's memory, wherever the state keeps it."""
    while hasattr(state, "inner"):
        state = state.inner
    cache = getattr(state, "cache", None)
    if cache is None:
        return float("nan")
    return float(max(np.nanmax(np.abs(cache.keys)), np.nanmax(np.abs(cache.values))))


def _cut(
    pcm: Float32[np.ndarray, "samples"],
) -> Iterator[tuple[Float32[np.ndarray, "chunk"], int]]:
    """Yield chunks, and the sample each begins at."""
    for at in range(0, len(pcm), CHUNK_FRAMES * SAMPLES_PER_FRAME):
        yield pcm[at : at + CHUNK_FRAMES * SAMPLES_PER_FRAME], at
