"""One visit: a partner on one side, a peer connection on the other, and the tasks between them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamTrack
from jaxtyping import Int16

from engine.packets import AVPacket
from streaming.channel import EventChannel
from streaming.clock import VisitClock
from streaming.config import RoomConfig
from streaming.contract import Attendant, InCall, Latency, Wires
from streaming.media import Media
from streaming.messages import (
    Hold,
    Lag,
    MessageError,
    PageMessage,
    Ping,
    Release,
    Say,
    Tie,
    Watch,
    encode_error,
    encode_event,
    encode_pong,
    encode_stats,
    parse_message,
)
from streaming.microphone import listen
from streaming.motion.data_channel import MotionChannel
from streaming.peer import Peer
from streaming.send_times import SendTimes
from streaming.tracks import SoundTrack, TimedPicture
from streaming.turn_times import VisitTimes

logger = logging.getLogger(__name__)


class Visit:
    """Carries packets, events and the microphone until either side leaves.

    Call `answer` once, then `run`, which returns when the visit is over and everything is freed.
    """

    def __init__(
        self,
        key: str,
        partner: Attendant,
        media: Media,
        config: RoomConfig,
        times: VisitTimes,
        *,
        voice_carries_motion: bool = False,
    ) -> None:
        self.key = key
        """Unguessable name; who knows it may end the visit."""
        self._partner = partner
        self._config = config
        self._times = times
        self._media = media
        self._pictures = media.pictures
        self._sent = SendTimes(lambda: asyncio.get_running_loop().time(), self._tell_latency)
        self._sounds = SoundTrack(config.audio_buffer_ms, self._sent.sent)
        self._channel = EventChannel(self._on_message)
        self._motion = _motion_channel(partner)
        self._microphone: MediaStreamTrack | None = None
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._clock: VisitClock | None = None
        self._bad_messages = 0
        self._av_offset_ms = 0.0
        self._peer = Peer(
            config,
            self._pictures,
            self._sounds,
            self._on_state,
            channel=self._channel,
            motion=self._motion,
            voice_carries_motion=voice_carries_motion,
            on_microphone=self._on_microphone,
        )
        if self._motion is not None and isinstance(partner, InCall):
            partner.attach(Wires(self._motion.send, self._send_sound))

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer. Raises `OfferError`."""
        return await self._peer.answer(offer_sdp)

    async def run(self) -> None:
        """Serve until the visitor leaves, the connection fails or the partner ends."""
        work: list[Coroutine[Any, Any, None]] = [
            self._await_connection(),
            self._forward_packets(),
            self._forward_events(),
            self._report(),
        ]
        if self._microphone is not None:
            work.append(listen(self._microphone, self._partner))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(coroutine) for coroutine in work]
                await self._ended.wait()
                for task in tasks:
                    task.cancel()
        finally:
            await self.aclose()

    def end(self) -> None:
        """Ask `run` to return."""
        self._ended.set()

    async def aclose(self) -> None:
        """Close both sides. Safe to call twice, and instead of `run` when the answer failed."""
        self._ended.set()
        try:
            await self._peer.aclose()
        finally:
            await self._partner.aclose()

    def stats(self) -> dict[str, float]:
        """Return the visit's own counts beside the partner's, for the page."""
        return {**self._partner.stats(), **self._own_counts()}

    def counts(self) -> dict[str, float]:
        """Return the figures that no other visit has too."""
        return {**self._media.counts(), **self._own_counts()}

    def _own_counts(self) -> dict[str, float]:
        return {
            **self._pictures.stats(),
            "sound_buffer_ms": self._sounds.depth_ms,
            "sound_dropped_ms": 20 * self._sounds.dropped,
            "events_dropped": self._channel.dropped,
            "bad_messages": self._bad_messages,
            "av_offset_ms": abs(self._av_offset_ms),
            **({"motion_dropped_packets": self._motion.dropped} if self._motion is not None else {}),
        }

    async def _await_connection(self) -> None:
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._connected.wait()
        except TimeoutError:
            logger.info("visit ended: no connection within %g s", self._config.connect_timeout_s)
            self.end()

    async def _forward_packets(self) -> None:
        """Hand packets to the tracks once somebody is there to see them."""
        await self._media.pump(self._forward)
        self.end()

    def _forward(self, packet: AVPacket) -> None:
        clock = self._clock_from(packet.pts_samples)
        if clock is None:
            return
        sound_pts = clock.sound_pts(packet.pts_samples)
        self._sent.handed(packet.segment, sound_pts)
        self._sounds.push(packet.pcm, sound_pts)
        self._pictures.push(TimedPicture(packet.picture, clock.picture_pts(packet.pts_samples)))

    def _send_sound(self, pcm: Int16[np.ndarray, "samples"], pts_samples: int, wait_s: float) -> None:
        """Send sound of a call, which leaves before its picture or has none here."""
        if self._clock is not None and pts_samples < self._clock.origin_samples:
            self._clock = None  # the voice of another, who came later, on a clock of its own
        clock = self._clock_from(pts_samples)
        if clock is not None:
            self._sounds.push(pcm, clock.sound_pts(pts_samples), wait_s)

    def _clock_from(self, pts_samples: int) -> VisitClock | None:
        """Return the clock once somebody is there to see; None before, and for what was before it began."""
        if not self._connected.is_set():
            return None
        if self._clock is None:
            self._clock = VisitClock(pts_samples)
        return self._clock if pts_samples >= self._clock.origin_samples else None

    async def _forward_events(self) -> None:
        async for event in self._partner.events():
            if isinstance(event, Latency):
                self._tell_latency(event)
                self._sent.note(event)
            else:
                self._channel.send(encode_event(event))

    def _tell_latency(self, latency: Latency) -> None:
        self._times.note(latency)
        self._channel.send(encode_event(latency))

    async def _report(self) -> None:
        await self._connected.wait()
        while True:
            await asyncio.sleep(self._config.stats_interval_s)
            self._channel.send(encode_stats(self.stats()))

    def _on_microphone(self, track: MediaStreamTrack) -> None:
        self._microphone = track

    def _on_state(self, state: str) -> None:
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self.end()

    def _on_message(self, raw: str | bytes) -> None:
        try:
            message = parse_message(raw, self._config.text_max_chars)
        except MessageError as error:
            self._bad_messages += 1
            self._channel.send(encode_error(str(error)))
        else:
            self._obey(message)

    def _obey(self, message: PageMessage) -> None:
        match message:
            case Say(text=text):
                self._partner.push_text(text)
            case Hold():
                self._partner.hold()
            case Release():
                self._partner.release()
            case Watch(on=on):
                if isinstance(self._partner, InCall):
                    self._partner.watch(on=on)
            case Lag(ms=ms):
                if isinstance(self._partner, InCall):
                    self._partner.note_lag(ms / 1000)
            case Tie(ms=ms):
                self._tie(ms / 1000)
            case Ping():
                if message.av_offset_ms is not None:
                    self._av_offset_ms = message.av_offset_ms
                self._channel.send(encode_pong(message))

    def _tie(self, told_s: float) -> None:
        """Tell a call how voice and motion lie in time; before any voice has come it is told in vain."""
        arriving = self._peer.arriving
        tie_s = arriving.since_begin_s(told_s) if arriving is not None else None
        if tie_s is not None and isinstance(self._partner, InCall):
            self._partner.note_tie(tie_s)


def _motion_channel(partner: Attendant) -> MotionChannel | None:
    """Return where a visit's motion comes and goes, if its partner is a call."""
    return MotionChannel(partner.push_motion) if isinstance(partner, InCall) else None
