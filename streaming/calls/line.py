"""`CallLine`: one person's line into a call: what a visit takes for its partner and its media."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Int16

from engine.packets import AVPacket
from streaming.calls.caller import Caller
from streaming.calls.relay import SoundRelay
from streaming.config import VideoBitrate
from streaming.contract import RoomEvent, Wires
from streaming.media import Forward, OwnPictures, Pictures
from streaming.mixing import GuestVoice, mixed

EVENTS_MAX: Final = 256
"""Events for a visit that does not read; the oldest goes."""


class CallLine:
    """A `streaming.contract.Attendant` and `InCall`, and a `streaming.media.Media`, in one.

    Args:
        caller: whose line it is.
        draws: whether the others are drawn here and sent as pictures; else their motion is handed on.
        limits: of the pictures' bitrate.
        on_leave: told once that the person has gone; returns when everything of theirs is freed.
    """

    def __init__(self, caller: Caller, *, draws: bool, limits: VideoBitrate, on_leave: "OnLeave") -> None:
        self.caller = caller
        self.draws = draws
        self.watches = draws
        """Whether the person looks at the picture."""
        self.on_watch: Callable[[], None] = lambda: None
        """Told when `watches` changes."""
        self._on_leave = on_leave
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue(EVENTS_MAX)
        self._events_dropped = 0
        self._index = 0
        self._ended = asyncio.Event()
        self._left = False
        self._forward: Forward | None = None
        self._wires: Wires | None = None
        self._relay: SoundRelay | None = None
        self._unwatch: list[Callable[[], None]] = []
        self._shown: Caller | None = None
        self._voices: dict[Caller, GuestVoice] = {}
        self.pictures: Pictures = OwnPictures(limits)

    # --- as a media ---

    async def pump(self, forward: Forward) -> None:
        """Hand packets to `forward` until the call ends; see `Media`."""
        self._forward = forward
        try:
            await self._ended.wait()
        finally:
            self._forward = None

    def follow(self, shown: Caller | None, others: list[Caller]) -> None:
        """Show one of the others, and hear all of them."""
        self._stop_following()
        self._shown = shown
        self._voices = {
            other: self._voices.get(other, GuestVoice()) for other in others if other is not shown
        }
        if not self.draws:
            self._hand_on(others)
            return
        for other in others:

            def take(packet: AVPacket, other: Caller = other) -> None:
                self._take(packet, other)

            self._unwatch.append(other.watch(take))

    def _take(self, packet: AVPacket, other: Caller) -> None:
        """Send the packet of whom the picture shows, with the other voices in it."""
        if other is not self._shown:
            if other in self._voices:
                self._voices[other].push(packet.pcm, 24_000)
            return
        voices = [voice.take(len(packet.pcm)) for voice in self._voices.values()]
        if self._forward is not None:
            # Pictures of different people have clocks of their own; the line's counts on.
            self._forward(replace(packet, index=self._index, pcm=mixed(packet.pcm, voices)))
        self._index += 1

    def _hand_on(self, others: list[Caller]) -> None:
        """Send motion and sound of the first of the others as they came."""
        if self._wires is None or not others:
            return
        other, wires = others[0], self._wires
        self._relay = SoundRelay(wires.sound)
        other.motion_taps.append(wires.motion)
        other.voice_taps.append(self._relay.push)
        relay = self._relay

        def stop() -> None:
            other.motion_taps.remove(wires.motion)
            other.voice_taps.remove(relay.push)

        self._unwatch.append(stop)

    def _stop_following(self) -> None:
        for stop in self._unwatch:
            stop()
        self._unwatch.clear()

    # --- as an attendant ---

    def attach(self, wires: Wires) -> None:
        """Take the ways to send past the picture; see `InCall`."""
        self._wires = wires
        others = list({**({self._shown: None} if self._shown else {}), **dict.fromkeys(self._voices)})
        if not self.draws:
            self.follow(self._shown, others)

    def tell(self, event: RoomEvent) -> None:
        """Tell the person something."""
        self._put(event)

    async def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what the person is told; see `Attendant`."""
        while (event := await self._events.get()) is not None:
            yield event

    def push_voice(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int, at_s: float) -> None:
        """Let the others hear the person; see `InCall`."""
        self.caller.push_voice(pcm, sample_rate_hz, at_s)

    def push_motion(self, packet: bytes) -> None:
        """Let the others see the person move; see `InCall`."""
        self.caller.push_motion(packet)

    def note_lag(self, lag_s: float) -> None:
        """Let the motion be that much sooner than it comes; see `InCall`."""
        self.caller.voice.note_lag(lag_s)

    def note_tie(self, tie_s: float) -> None:
        """Lay motion and voice on one clock; see `InCall`."""
        self.caller.voice.note_tie(tie_s)

    def watch(self, *, on: bool) -> None:
        """Say whether the person looks at the picture; see `InCall`."""
        self.watches = on and self.draws
        self.on_watch()

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Do nothing: a call needs the times of what is heard; see `push_voice`."""

    def push_text(self, text: str) -> None:
        """Do nothing: nobody reads in a call."""

    def hold(self) -> None:
        """Do nothing: there are no turns in a call."""

    def release(self) -> None:
        """Do nothing; see `hold`."""

    def stats(self) -> dict[str, float]:
        """Return figures of the picture that is shown, and of the line; see `Attendant`."""
        shown = self._shown.stats() if self._shown is not None else {}
        return {**shown, **self.counts()}

    def counts(self) -> dict[str, float]:
        """Return the line's own figures."""
        return {
            "call_sent_motion_bytes": self.caller.stats()["motion_in_bytes"],
            "events_depth": float(self._events.qsize()),
            "events_dropped": float(self._events_dropped),
        }

    def end(self) -> None:
        """Let the visit end: the call is over."""
        self._ended.set()

    async def aclose(self) -> None:
        """Leave the call. Safe to call twice; see `Attendant`."""
        if not self._left:
            self._left = True
            self.end()
            self._stop_following()
            await self._on_leave(self)
            self._put(None)

    def _put(self, event: RoomEvent | None) -> None:
        if self._events.full():
            self._events.get_nowait()
            self._events_dropped += 1
        self._events.put_nowait(event)


OnLeave = Callable[[CallLine], Awaitable[None]]
