"""Sender reports: a receiver that follows them plays picture and sound of one moment together."""

import asyncio
from typing import Any

import numpy as np
import pytest
from aiortc.rtp import RtcpSrPacket

from engine.packets import MEDIA_SAMPLES_PER_FRAME
from models.motion.frame import FPS
from streaming.config import RoomConfig
from streaming.media import OwnPictures
from streaming.motion.data_channel import MotionChannel
from streaming.peer import Peer
from streaming.tracks import SoundTrack, TimedPicture
from tests.streaming.players import connection
from tests.streaming.rooms import TIMEOUT_S, until

RATES_HZ = {"audio": 48_000, "video": 90_000}
PICTURES_LATE_S = 0.1
"""So much later than the sound of their moment do pictures reach the encoder."""


class Reports:
    """Keeps a receiver's reports and the timestamp of its first packet."""

    def __init__(self, receiver: Any, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._reports: list[tuple[float, int]] = []
        self._first: int | None = None
        pass_report, pass_packet = receiver._handle_rtcp_packet, receiver._handle_rtp_packet

        async def look(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                self._reports.append((info.ntp_timestamp / 2**32, info.rtp_timestamp))
            await pass_report(packet)

        async def note(packet: Any, **more: Any) -> None:
            self._first = packet.timestamp if self._first is None else self._first
            await pass_packet(packet, **more)

        receiver._handle_rtcp_packet, receiver._handle_rtp_packet = look, note

    @property
    def count(self) -> int:
        return len(self._reports)

    def first_s(self) -> list[float]:
        """Return the sender's time of the first packet, as each report tells it."""
        assert self._first is not None
        behind = [(rtp - self._first + 2**31) % 2**32 - 2**31 for _, rtp in self._reports]
        return [
            ntp_s - ticks / self._rate_hz for (ntp_s, _), ticks in zip(self._reports, behind, strict=True)
        ]


async def send(pictures: OwnPictures, sounds: SoundTrack) -> None:
    """Send as a session does, but every picture late."""
    loop, begin_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    for number in range(10 * FPS):
        await asyncio.sleep(begin_s + number / FPS - loop.time())
        sounds.push(np.zeros(MEDIA_SAMPLES_PER_FRAME, np.int16), number * MEDIA_SAMPLES_PER_FRAME)
        picture = TimedPicture(np.full((64, 64, 3), number % 256, np.uint8), number * 90_000 // FPS)
        loop.call_later(PICTURES_LATE_S, pictures.push, picture)


@pytest.mark.parametrize(("motion", "older_s"), [(None, 0.0), (MotionChannel(lambda packet: None), 0.03)])
async def test_reports_tell_media_time_however_late_a_picture_is_sent(motion, older_s):
    config, pc = RoomConfig(), connection()
    pictures, sounds = OwnPictures(config.video_bitrate), SoundTrack(config.audio_buffer_ms)
    peer = Peer(config, pictures, sounds, lambda state: None, motion=motion)
    for kind in ("audio", "video"):
        pc.addTransceiver(kind, direction="recvonly")
    audio, video = (Reports(t.receiver, RATES_HZ[t.kind]) for t in pc.getTransceivers())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await pc.setLocalDescription(await pc.createOffer())
            answer = await peer.answer(pc.localDescription.sdp)
            await pc.setRemoteDescription(type(pc.localDescription)(answer, "answer"))
            await until(lambda: peer.state == "connected")
            sending = asyncio.create_task(send(pictures, sounds))
            await until(lambda: min(audio.count, video.count) >= 2)
            sending.cancel()
    finally:
        await peer.aclose()
        await pc.close()
    offsets_s = [late - early for late in video.first_s() for early in audio.first_s()]
    np.testing.assert_allclose(offsets_s, -older_s, atol=0.005)
