"""Offline: utterances in, an mp4 file out, through the same `Session` that is met live."""

import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int16

from engine.clock import LoopClock
from engine.compute import Compute
from engine.config import SessionConfig
from engine.encode import Mp4Writer
from engine.packets import AVPacket, SegmentFinished
from engine.session import Session
from models.motion.cue import Cue
from models.motion.frame import FPS
from models.motion.stage import MotionStage, Phone
from models.picture import PictureStage, delay_of

BLOCK_S: Final = 1.0
"""Speech is pushed in blocks of this length, as far ahead as the session has room."""


@dataclass(frozen=True, slots=True)
class Speech:
    """One utterance as a whole."""

    pcm: Int16[np.ndarray, "samples"]
    """Mono."""
    sample_rate_hz: int
    phones: tuple[Phone, ...] | None = None
    """In utterance time, when they are known."""
    cues: tuple[Cue, ...] = ()
    """In utterance time, in order."""

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return len(self.pcm) / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """What surrounds the speech, and how the session works. Times in seconds."""

    lead_s: float = 0.2
    """Idle time before the first word; at least as long as pictures are late."""
    tail_s: float = 0.6
    """Idle time after the last, in which the mouth comes to rest."""
    session: SessionConfig = field(default_factory=lambda: SessionConfig(pacing="free", chunk_frames=8))
    seed: int = 0
    crf: int = 18


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written."""

    path: Path
    frames: int
    stats: dict[str, float]
    """The session's `stats()` at the end."""


async def render(
    utterances: Sequence[Speech],
    path: Path,
    *,
    motion: MotionStage[Any],
    picture: PictureStage[Any],
    compute: Compute,
    plan: RenderPlan | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rendered:
    """Render utterances, one after another, to an mp4 file of H.264 and AAC.

    Args:
        utterances: what is said.
        path: the file to write; it appears only when it is whole.
        motion: turns speech into motion.
        picture: turns motion into pictures.
        compute: where stages and encoders work.
        plan: idle time around the speech, session and encoder settings.
        progress: told the fraction done, 0..1, after each frame.

    Returns:
        The file and how it went. Sound and picture have exactly `frames` · 40 ms.

    Raises:
        ValueError: when the plan's session is not paced freely.
        Exception: what a stage or the encoder raises; no file is left then.
    """
    plan = plan or RenderPlan()
    if plan.session.pacing != "free":
        raise ValueError('a render needs SessionConfig(pacing="free"): nobody watches the clock')
    session = Session(
        motion, picture, clock=LoopClock(), compute=compute, config=plan.session, seed=plan.seed
    )
    async with session:
        with Mp4Writer(path, picture.size, crf=plan.crf) as writer:
            feed = _Feed(session, utterances)
            frames = await _write_all(session, delay_of(picture), writer, feed, compute, plan, progress)
        return Rendered(path, frames, session.stats())


async def _write_all(
    session: Session,
    delay_frames: int,
    writer: Mp4Writer,
    feed: "_Feed",
    compute: Compute,
    plan: RenderPlan,
    progress: Callable[[float], None] | None,
) -> int:
    """Write packets until the speech and its tail are over; return how many."""
    frames, quiet = 0, 0
    # The session is ahead of the file by the delay, so that much of the lead is over already.
    lead, tail = max(0, math.ceil(plan.lead_s * FPS) - delay_frames), math.ceil(plan.tail_s * FPS)
    expected = delay_frames + lead + math.ceil(feed.total_s * FPS) + tail
    async for packet in _aligned(session, delay_frames):
        await compute.run(writer.write, packet, lane=writer)
        frames += 1
        if frames >= lead:
            feed.push()
        quiet = quiet + 1 if feed.over and not packet.segment else 0
        if progress is not None:
            progress(min(1.0, frames / max(1, expected)))
        if feed.over and quiet >= tail:
            break
    if progress is not None:
        progress(1.0)
    return frames


async def _aligned(packets: AsyncIterator[AVPacket], delay_frames: int) -> AsyncIterator[AVPacket]:
    """Yield packets whose pictures come late, each with the picture that was made of its own motion."""
    waiting: deque[AVPacket] = deque(maxlen=delay_frames + 1)
    async for packet in packets:
        waiting.append(packet)
        if len(waiting) > delay_frames:
            yield replace(waiting[0], picture=packet.picture)


class _Feed:
    """Pushes utterances into a session block by block, as it has room."""

    def __init__(self, session: Session, utterances: Sequence[Speech]) -> None:
        self._session = session
        self._blocks = deque(block for utterance in utterances for block in _blocks_of(utterance))
        self.total_s = sum((utterance.length_s for utterance in utterances), 0.0)
        self._finished = 0
        self._expected = len(utterances)
        session.subscribe(self._count)

    @property
    def over(self) -> bool:
        """Whether every utterance was heard to its end."""
        return self._finished == self._expected

    def push(self) -> None:
        """Push what fits."""
        while self._blocks and self._blocks[0][0].length_s <= self._session.room_s():
            block, last = self._blocks.popleft()
            self._session.push_audio(block.pcm, block.sample_rate_hz, block.phones, block.cues)
            if last:
                self._session.end_segment()

    def _count(self, event: object) -> None:
        self._finished += isinstance(event, SegmentFinished)


def _blocks_of(speech: Speech) -> Iterator[tuple[Speech, bool]]:
    """Yield blocks of an utterance, and whether each is the last. All phones and cues go with the first."""
    step = round(BLOCK_S * speech.sample_rate_hz)
    starts = range(0, max(1, len(speech.pcm)), step)
    for start in starts:
        phones = speech.phones if start == 0 else None
        cues = speech.cues if start == 0 else ()
        block = Speech(speech.pcm[start : start + step], speech.sample_rate_hz, phones, cues)
        yield block, start == starts[-1]
