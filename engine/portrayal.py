"""`Portrayal`: somebody who is elsewhere, drawn while their own voice is heard: packets on the voice's clock.

A session makes a person of what it is told to say, and plans ahead. A portrayal follows a person who speaks
now: a frame's sound is taken when it is due, motion and picture are made of it at once, and what is not ready
within the frame's time is left out, for the sound never waits: it is handed on before its picture is drawn.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np
from jaxtyping import Float32, Int16

from engine.clock import Clock
from engine.compute import Compute, timed
from engine.meter import Meter
from engine.packets import AVPacket
from engine.tiers import FRAME_S, TierController, TierRules
from models.motion.frame import MotionFrame
from models.motion.stage import MotionStage, Presence, SpeechChunk
from models.picture import Picture, PictureStage, Tier

log = logging.getLogger(__name__)

PATIENCE_S: Final = 0.85 * FRAME_S
"""How long after a frame's time its picture may come and still be shown with it."""
RULES: Final = TierRules(fall_above=0.8, rise_below=0.6, lowest=Tier.SPARSE)
"""Nothing is made ahead here, as in a session: a picture that takes longer than `PATIENCE_S` is too late. But
late pictures of a person who moves still tell more than one that stands."""
CATCH_UP_S: Final = 0.4
"""A consumer that comes later than this finds that media time has skipped to the present."""
LOUD: Final = 0.01
"""Root mean square of a frame in which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of a voice."""

    pcm: Int16[np.ndarray, "960"]
    """As it is handed on, at `engine.packets.MEDIA_RATE_HZ`."""
    speech: Float32[np.ndarray, "640"]
    """The same for the motion, at `SPEECH_RATE_HZ`."""
    ahead: Float32[np.ndarray, "known"]
    """What is known to follow, at that rate."""
    at_s: float
    """When it was said, on the clock that the motion is timed by."""
    arrives: bool
    """Whether anything has come of the voice lately, silence included."""


OnSound = Callable[[Int16[np.ndarray, "960"], int], None]


class VoiceSource(Protocol):
    """Where a portrayal hears its person."""

    def take(self, now_s: float) -> Heard:
        """Return the next frame; asked once for each 40 ms."""
        ...


class Portrayal:
    """Packets of one person, for ever. Construct it in a running event loop; consume it by one consumer.

    Args:
        voice: gives each frame's sound, and its time.
        motion: is told that time as `segment_s`: the call is one utterance.
        picture: turns motion into pictures.
        clock: paces the packets.
        compute: where both stages work; shared.
        best: the tier that is never bettered.
        seed: makes habits repeatable that the motion makes up.
        on_close: called once when it is closed.
    """

    def __init__(
        self,
        voice: VoiceSource,
        motion: MotionStage[Any],
        picture: PictureStage[Any],
        *,
        clock: Clock,
        compute: Compute,
        best: Tier = Tier.FULL,
        seed: int = 0,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._voice, self._clock, self._compute, self._on_close = voice, clock, compute, on_close
        self._motion_step, self._motion_state = timed(motion.step), motion.init_state(seed)
        self._picture_step, self._picture_state = timed(picture.step), picture.init_state()
        self._size = picture.size
        self._best = best
        self._tiers = TierController(RULES)
        self._meter = Meter()
        self._shown: Picture | None = None
        self._making: asyncio.Task[Picture] | None = None
        self._begin_s: float | None = None
        self._index = 0
        self.is_watched = True
        """Whether anybody sees the pictures; else motion and sound go on, and the last picture stays."""
        self.on_sound: OnSound = lambda pcm, index: None
        """Takes sound as soon as it is due, and the index of the packet that will hold it, too."""
        self._closed = False

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self._size

    @property
    def _tier(self) -> Tier:
        return max(self._best, self._tiers.tier)

    def frame_cost_s(self) -> float:
        """Return the mean seconds of one core that a frame costs; 0 before any was measured."""
        return self._meter.frame_cost_s()

    def stats(self) -> dict[str, float]:
        """Return drops, frame times and the tier by name, each with its unit as suffix."""
        return {**self._meter.stats(), "tier": float(self._tier), "media_s": self._index * FRAME_S}

    def __aiter__(self) -> AsyncIterator[AVPacket]:
        return self

    async def __anext__(self) -> AVPacket:
        await self._due()
        if self._closed:
            raise StopAsyncIteration
        now_s = self._clock.now_s()
        heard = self._voice.take(now_s)
        self.on_sound(heard.pcm, self._index)
        is_loud = float(np.sqrt(np.mean(heard.speech**2))) > LOUD
        presence = _presence(is_loud, heard.arrives)
        made = await self._draw(heard, presence, now_s)
        packet = AVPacket(
            index=self._index,
            picture=self._picture(),
            pcm=heard.pcm,
            segment=int(is_loud),
            presence=presence,
            tier=self._tier,
            late=not made,
        )
        self._index += 1
        self._meter.counts.packets += 1
        self._meter.counts.late_frames += not made
        return packet

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End. Safe to call twice; whoever waits for a packet is let go at the next frame's time."""
        if self._closed:
            return
        self._closed = True
        if self._making is not None:
            await asyncio.wait([self._making])
        self._on_close()

    async def _due(self) -> None:
        """Wait for the next frame's time; of a consumer that slept, time skips to the present."""
        if self._begin_s is None:
            self._begin_s = self._clock.now_s()
        behind_s = self._clock.now_s() - self._begin_s - self._index * FRAME_S
        if behind_s > CATCH_UP_S:
            skipped = int(behind_s / FRAME_S)
            self._index += skipped
            self._meter.counts.skipped_frames += skipped
        await self._clock.sleep_until(self._begin_s + self._index * FRAME_S)

    async def _draw(self, heard: Heard, presence: Presence, now_s: float) -> bool:
        """Make the frame's picture, if there is time for it. Returns whether it is shown as it should be."""
        chunk = SpeechChunk(heard.speech, presence, heard.ahead, int(heard.arrives), heard.at_s)
        if self._making is None:
            wants = self._shown is None or (self.is_watched and self._tiers.wants_picture(self._index, now_s))
            self._making = asyncio.create_task(self._make(chunk, draws=wants), name="portrayal")
        # The first picture waits for caches and compilers, and there is nothing to show before it.
        timeout_s = None if self._shown is None else now_s + PATIENCE_S - self._clock.now_s()
        await asyncio.wait([self._making], timeout=timeout_s)
        if not self._making.done():
            return not self._tiers.promises_picture(self._index)
        making, self._making = self._making, None
        self._shown = making.result()
        return True

    async def _make(self, chunk: SpeechChunk, *, draws: bool) -> Picture:
        """Make motion and, if wanted, a picture. A stage that fails is logged, and the last picture stays."""
        started_s = self._clock.now_s()
        try:
            (frames, self._motion_state), moved_s = await self._compute.run(
                self._motion_step, chunk, self._motion_state, lane=self
            )
            self._meter.motion_work.add(moved_s)
            if not draws and self._shown is not None:
                return self._shown
            picture = await self._paint(frames[0])
        except Exception:
            self._meter.counts.picture_errors += 1
            if self._shown is None:
                raise
            log.exception("a frame of a call could not be made")
            return self._shown
        taken_s = self._clock.now_s() - started_s
        self._meter.picture.add(taken_s)
        if self._shown is not None:
            self._tiers.observe(taken_s, self._clock.now_s())
        return picture

    async def _paint(self, motion: MotionFrame) -> Picture:
        tier = Tier.FULL if self._tier == Tier.FULL else Tier.WARP
        (picture, self._picture_state), drawn_s = await self._compute.run(
            self._picture_step, motion, self._picture_state, tier, lane=self
        )
        self._meter.picture_work.add(drawn_s)
        return picture

    def _picture(self) -> Picture:
        if self._shown is None:
            raise RuntimeError("the first picture of a call was not made")
        return self._shown


def _presence(is_loud: bool, arrives: bool) -> Presence:
    if is_loud:
        return Presence.SPEAKING
    return Presence.LISTENING if arrives else Presence.IDLE
