"""`CallLine`: one person's line into a call: what a visit takes for its partner and its media."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ, AVPacket
from streaming.calls.caller import Caller
from streaming.calls.relay import SoundRelay
from streaming.config import VideoBitrate
from streaming.contract import RoomEvent, Wires
from streaming.media import Forward, OwnPictures, Pictures
from streaming.mixing import GuestVoice, mixed

PICTURE_TAKES_S: Final = 0.02
"""About so much later than its sound is due a picture leaves; sound waits to be heard with it."""
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
        self._next = 0
        """Frame of the line's clock whose sound leaves next."""
        self._offset: int | None = None
        """The line's clock less that of whom it shows, in frames; None until they are heard."""
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
        if shown is not self._shown:
            self._shown, self._offset = shown, None
        self._voices = {
            other: self._voices.get(other, GuestVoice()) for other in others if other is not shown
        }
        if not self.draws:
            self._hand_on(others)
            return
        for other, voice in self._voices.items():

            def hear(pcm: Int16[np.ndarray, "960"], _: int, voice: GuestVoice = voice) -> None:
                voice.push(pcm, MEDIA_RATE_HZ)

            self._unwatch.append(other.hear(hear))
        if shown is not None:
            self._unwatch += [shown.hear(self._hear), shown.watch(self._show)]

    def _hear(self, pcm: Int16[np.ndarray, "960"], number: int) -> None:
        """Send the sound of whom the picture shows, with the other voices in it, sooner than the picture."""
        if self._offset is None or number + self._offset < self._next:
            # Everybody's pictures have a clock of their own; the line's counts on.
            self._offset = self._next - number
        self._next = number + self._offset + 1
        voices = [voice.take(len(pcm)) for voice in self._voices.values()]
        if self._wires is not None:
            self._wires.sound(mixed(pcm, voices), (self._next - 1) * len(pcm), PICTURE_TAKES_S)

    def _show(self, packet: AVPacket) -> None:
        """Send the picture; its sound has left already."""
        if self._forward is not None and self._offset is not None:
            self._forward(replace(packet, index=packet.index + self._offset, pcm=packet.pcm[:0]))

    def _hand_on(self, others: list[Caller]) -> None:
        """Send motion and sound of the first of the others as they came."""
        if self._wires is None or not others:
            return
        other, wires = others[0], self._wires
        self._relay = SoundRelay(lambda pcm, pts_samples: wires.sound(pcm, pts_samples, 0.0))
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
