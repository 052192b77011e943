"""One who watches a show: a connection that only sends."""

import asyncio
import logging

from engine.packets import AVPacket
from streaming.clock import VisitClock
from streaming.config import RoomConfig
from streaming.media import OwnPictures
from streaming.peer import Peer
from streaming.show import Show
from streaming.tracks import SoundTrack, TimedPicture

logger = logging.getLogger(__name__)


class Viewer:
    """A player: a WHEP player offers and is answered, a WHIP endpoint is offered to. Then `run`.

    Packets are sent from the moment the connection stands. A `streaming.participants.Participant`.
    """

    def __init__(self, show: Show, config: RoomConfig) -> None:
        self._show = show
        self._config = config
        self._pictures = OwnPictures(config.video_bitrate)
        self._sounds = SoundTrack(config.audio_buffer_ms)
        self._clock: VisitClock | None = None
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self.peer = Peer(config, self._pictures, self._sounds, self._on_state)

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer. Raises `OfferError`."""
        return await self.peer.answer(offer_sdp)

    async def trickle(self, fragment: str) -> bool:
        """Add candidates; False for an ICE restart. Raises `FragmentError`."""
        return await self.peer.trickle(fragment)

    async def run(self) -> None:
        """Send until the other side leaves, `end` is called, or no connection comes about."""
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._connected.wait()
        except TimeoutError:
            logger.info("no connection within %g s", self._config.connect_timeout_s)
            return
        leave = self._show.watch(self._forward)
        try:
            await self._ended.wait()
        finally:
            leave()

    def end(self) -> None:
        """Ask `run` to return."""
        self._ended.set()
        self._connected.set()

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice."""
        self.end()
        await self.peer.aclose()

    def stats(self) -> dict[str, float]:
        """Return what was sent, and what found no place."""
        return {
            **self._pictures.stats(),
            "sound_buffer_ms": self._sounds.depth_ms,
            "sound_dropped_ms": 20 * self._sounds.dropped,
        }

    def _forward(self, packet: AVPacket) -> None:
        if self._clock is None:
            self._clock = VisitClock(packet.pts_samples)
        self._sounds.push(packet.pcm, self._clock.sound_pts(packet.pts_samples))
        self._pictures.push(TimedPicture(packet.picture, self._clock.picture_pts(packet.pts_samples)))

    def _on_state(self, state: str) -> None:
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self.end()
