"""One guest's line into a gathering: what a visit takes for its partner and its media."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import numpy as np
from jaxtyping import Int16

from engine.packets import AVPacket
from streaming.contract import Guest, RoomEvent, Seat
from streaming.media import Forward, Pictures
from streaming.mixing import GuestVoice
from streaming.shared_pictures import SharedPictures, Studio

EVENTS_MAX: Final = 256
"""Events for a visit that does not read; the oldest goes."""


class GuestLine:
    """A `streaming.contract.Attendant` and a `streaming.media.Media`, in one.

    Args:
        guest: who it is.
        seat: where the avatar hears them.
        studio: encodes pictures for all.
        on_leave: told once that the guest has gone; returns when everything of theirs is freed.
        figures: what the page is shown of the machine.
    """

    def __init__(
        self,
        guest: Guest,
        seat: Seat,
        studio: Studio,
        on_leave: "OnLeave",
        figures: Callable[[], dict[str, float]],
    ) -> None:
        self.guest = guest
        self._seat = seat
        self._on_leave = on_leave
        self._figures = figures
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue(EVENTS_MAX)
        self._events_dropped = 0
        self._left = False
        self._ended = asyncio.Event()
        self.pictures: Pictures = SharedPictures(studio)
        self.voice = GuestVoice()
        self.forward: Forward | None = None
        """Where packets go, while the visit takes any."""

    def tell(self, event: RoomEvent) -> None:
        """Tell the guest something."""
        self._put(event)

    def end(self) -> None:
        """Let the visit end: there will be no more packets."""
        self._ended.set()

    async def pump(self, forward: Forward) -> None:
        """Hand packets to `forward` until the gathering ends; see `Media`."""
        self.forward = forward
        try:
            await self._ended.wait()
        finally:
            self.forward = None

    def hand_out(self, packet: AVPacket) -> None:
        """Send a packet with what this guest hears, and let the avatar's ear know of it."""
        if self.forward is not None:
            self._seat.played(packet.pcm)
            self.forward(packet)

    async def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what the guest is told; see `Attendant`."""
        while (event := await self._events.get()) is not None:
            yield event

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Let the avatar and the others hear the guest; see `Listener`."""
        self.voice.push(pcm, sample_rate_hz)
        self._seat.push_audio(pcm, sample_rate_hz)

    def push_text(self, text: str) -> None:
        """Take a typed turn; see `Listener`."""
        self._seat.push_text(text)

    def hold(self) -> None:
        """Begin push-to-talk; see `Listener`."""
        self._seat.hold()

    def release(self) -> None:
        """End push-to-talk; see `Listener`."""
        self._seat.release()

    def stats(self) -> dict[str, float]:
        """Return the guest's own figures, and the gathering's for the page to show; see `Attendant`."""
        return {**self._figures(), **self.counts()}

    def counts(self) -> dict[str, float]:
        """Return the guest's own figures."""
        return {
            "voice_buffer_ms": self.voice.depth_ms,
            "voice_dropped_ms": 1000 * self.voice.dropped_s,
            "events_depth": float(self._events.qsize()),
            "events_dropped": float(self._events_dropped),
        }

    async def aclose(self) -> None:
        """Leave the gathering; the last who does ends it. See `Attendant`."""
        if not self._left:
            self._left = True
            self.end()
            self._seat.leave()
            await self._on_leave(self)
            self._put(None)

    def _put(self, event: RoomEvent | None) -> None:
        if self._events.full():
            self._events.get_nowait()
            self._events_dropped += 1
        self._events.put_nowait(event)


OnLeave = Callable[[GuestLine], Awaitable[None]]
