"""`Caller`: one person of a call: what comes of them, and how they are drawn for the others."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Int16

from engine.packets import AVPacket
from engine.portrayal import OnSound, Portrayal
from models.motion.frame import FPS
from streaming.calls.voice import CallVoice
from streaming.contract import AvatarCard, Host, Person
from streaming.motion.buffer import unwrap
from streaming.motion.called import CalledMotion, How
from streaming.motion.errors import MotionStreamError
from streaming.motion.packet import Header

logger = logging.getLogger(__name__)

Watcher = Callable[[AVPacket], None]
VoiceTap = Callable[[Int16[np.ndarray, "samples"], int, float], None]
LOUD_FRAMES: Final = 8
"""Frames of voice in a row after which somebody has begun to speak: not at a cough."""


class Caller:
    """One person. Watchers get packets of how they are drawn, hearers the sound before, taps what they sent.

    Args:
        person: who it is.
        card: of the avatar that shows them.
        voice: hears them; `is_tied` where motion and voice have one clock.
        is_bridged: whether they come over another line than this room's.
    """

    def __init__(
        self, person: Person, card: AvatarCard, voice: CallVoice, *, is_bridged: bool = False
    ) -> None:
        self.person = person
        self.card = card
        self.is_bridged = is_bridged
        self.voice = voice
        self._motion: CalledMotion | None = None  # type: ignore[type-arg]
        self._portrayal: Portrayal | None = None
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._watchers: list[Watcher] = []
        self._hearers: list[OnSound] = []
        self._tick: int | None = None
        self._bytes_in = 0
        self._is_watched = True
        self.loud_frames = 0
        """Frames in a row, lately, in which they spoke."""
        self.on_change: Callable[[], None] = lambda: None
        """Told when what their picture is made from changes."""
        self.motion_taps: list[Callable[[bytes], None]] = []
        self.voice_taps: list[VoiceTap] = []

    @property
    def is_speaking(self) -> bool:
        """Whether they have been speaking for a moment."""
        return self.loud_frames >= LOUD_FRAMES

    def push_voice(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Take sound, and when it begins on its own clock."""
        self.voice.push(pcm, rate_hz, at_s, asyncio.get_running_loop().time())
        for tap in tuple(self.voice_taps):
            tap(pcm, rate_hz, at_s)

    def push_motion(self, packet: bytes) -> None:
        """Take a packet of motion, whatever it holds."""
        try:
            header = Header.unpack(packet)
        except MotionStreamError:
            header = None
        if header is not None:
            first = header.tick if self._tick is None else unwrap(header.tick, self._tick)
            self._tick, last = first, first + (header.frames - 1) * header.stride
            self.voice.note_motion(first, last, asyncio.get_running_loop().time())
        self._bytes_in += len(packet)
        if self._motion is not None:
            self._motion.push(packet)
        for tap in tuple(self.motion_taps):
            tap(packet)

    async def draw(self, host: Host) -> None:
        """Begin to draw them, if nobody did yet. Raises as `Host.portray` does."""
        async with self._opening:
            if self._portrayal is not None:
                return

            def movement(stage):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
                self._motion = CalledMotion(stage)
                self._motion.is_seen = self._is_watched
                return self._motion

            self._portrayal = await host.portray(self.card.name, self.voice, movement)
            self._portrayal.is_watched = self._is_watched
            self._portrayal.on_sound = self._hand_out
            self._task = asyncio.create_task(self._run(self._portrayal), name=f"portrayal {self.person.name}")

    def be_watched(self, *, by_somebody: bool) -> None:
        """Say whether anybody is shown their picture; unseen they are heard, and nothing is made of it."""
        self._is_watched = by_somebody
        if self._motion is not None:
            self._motion.is_seen = by_somebody
        if self._portrayal is not None:
            self._portrayal.is_watched = by_somebody

    async def rest(self) -> None:
        """Draw them no more: nobody looks. `draw` begins anew."""
        async with self._opening:
            task, portrayal = self._task, self._portrayal
            self._task = self._portrayal = self._motion = None
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
            if portrayal is not None:
                await portrayal.aclose()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Hand each packet to `watcher`, which must not block. Returns how to stop that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def hear(self, hearer: OnSound) -> Callable[[], None]:
        """Hand sound to `hearer` as soon as it is due, and the index of the packet that will hold it, too.

        It must not block. Returns how to stop that.
        """
        self._hearers.append(hearer)
        return lambda: self._hearers.remove(hearer) if hearer in self._hearers else None

    def stats(self) -> dict[str, float]:
        """Return what came, and how it is drawn."""
        drawn = self._portrayal.stats() if self._portrayal is not None else {}
        moved = self._motion.stats() if self._motion is not None else {}
        return {**drawn, **moved, **self.voice.stats(), "motion_in_bytes": float(self._bytes_in)}

    async def aclose(self) -> None:
        """End the drawing. Safe to call twice."""
        await self.rest()

    async def _run(self, portrayal: Portrayal) -> None:
        try:
            async for packet in portrayal:
                self.loud_frames = self.loud_frames + 1 if packet.segment else max(0, self.loud_frames - 1)
                self.loud_frames = min(self.loud_frames, FPS)
                self._notice()
                for watcher in tuple(self._watchers):
                    watcher(packet)
        except Exception:
            logger.exception("%s cannot be drawn any more", self.person.name)

    def _hand_out(self, pcm: Int16[np.ndarray, "960"], number: int) -> None:
        for hearer in tuple(self._hearers):
            hearer(pcm, number)

    def _notice(self) -> None:
        how = self._motion.how if self._motion is not None else How.STILL
        if how != self.person.how:
            self.person = replace(self.person, how=str(how))
            self.on_change()
