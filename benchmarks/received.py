"""What a receiver gets: how lips lie against the sound in the media that came over WebRTC.

A client of aiortc joins a room over the loopback, types, and keeps what it receives. The same is kept of the
packets that went into the room. Times are the sender's, which its reports tell for either stream: by them a
browser plays sound and picture together.

    lips_late_ms          by how much lips of each answer follow its sound, as received (`benchmarks.lips`)
    lips_late_begin_ms    the same in the first 0.8 s of each answer
    av_offset_ms          by how much pictures came later than their sound: each received picture is found
                          among those that were sent, its sound likewise; the median of each answer
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpSrPacket

from agent.host import ConversationHost
from benchmarks.lips import Lag, lips_lag, mouth_of
from benchmarks.media import Media
from engine.packets import MEDIA_RATE_HZ, AVPacket
from models.motion.frame import FPS
from streaming.config import RoomConfig
from streaming.contract import Partner
from streaming.server import room_server, served_port

TEXTS: Final = ("My mother makes pancakes.", "Maybe we should meet by the bay.", "Both bought more paper.")
MATCHED_S: Final = 1.5
"""Pictures of an answer that are looked for among the sent ones."""
SEARCHED_S: Final = 0.5
"""So much earlier or later than its sound."""


class SenderClock:
    """Learns from one stream's sender reports which time a timestamp stands for (RFC 3550, 6.4.1).

    aiortc keeps the reports and the first timestamp to itself, so this looks into its receiver.
    """

    def __init__(self, receiver: Any, rate_hz: int) -> None:
        self._receiver = receiver
        self._rate_hz = rate_hz
        self._reports: list[tuple[float, int]] = []
        self._pass_on = receiver._handle_rtcp_packet
        receiver._handle_rtcp_packet = self._look

    async def _look(self, packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.sender_info.packet_count:
            info = packet.sender_info
            self._reports.append((info.ntp_timestamp / 2**32, info.rtp_timestamp))
        await self._pass_on(packet)

    def zero_s(self) -> float:
        """Return the sender's time of what was received first, as most reports have it."""
        first = self._receiver._RTCRtpReceiver__timestamp_mapper._origin
        zeros_s = [ntp_s - _signed(rtp - first) / self._rate_hz for ntp_s, rtp in self._reports]
        return float(np.median(zeros_s))


def _signed(difference: int) -> int:
    """Return the difference of two 32-bit timestamps."""
    return (difference + 2**31) % 2**32 - 2**31


class Tapped:
    """A `Partner` whose packets are looked at on their way."""

    def __init__(self, partner: Partner, sent: Media) -> None:
        self._partner, self._sent = partner, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._partner, name)

    async def packets(self) -> AsyncIterator[AVPacket]:
        """Yield the packets, and keep what they hold."""
        async for packet in self._partner.packets():
            at_s = packet.pts_samples / MEDIA_RATE_HZ
            self._sent.add_picture(at_s, packet.picture.mean(axis=2))
            self._sent.add_sound(at_s, packet.pcm, MEDIA_RATE_HZ)
            yield packet


class TappedHost:
    """A `Host` that taps its visits."""

    def __init__(self, host: ConversationHost, sent: Media) -> None:
        self._host, self._sent = host, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def welcome(self, avatar: str) -> Any:
        """Open a visit."""
        return Tapped(await self._host.welcome(avatar), self._sent)


async def keep(track: MediaStreamTrack, media: Media) -> None:
    """Receive a track until it ends."""
    with suppress(MediaStreamError):
        while True:
            frame: Any = await track.recv()
            at_s = float(frame.pts * frame.time_base)
            if track.kind == "video":
                media.add_picture(at_s, frame.to_ndarray(format="gray"))
            else:
                left = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                media.add_sound(at_s, left, frame.sample_rate)


async def received(host: ConversationHost, avatar: str, turns: int) -> dict[str, Any]:
    """Type so many turns into a room, and return the figures of what came back from its avatar."""
    region = mouth_of(avatar)
    sent, got, events = Media(region), Media(region), list[dict[str, Any]]()
    server = room_server(TappedHost(host, sent), RoomConfig(port=0))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (uvicorn announces its start by this flag alone)
        await asyncio.sleep(0.01)
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await _type(pc, served_port(server), got, events, turns)
    finally:
        await pc.close()
        server.should_exit = True
        await serving
    return figures(sent, got, events)


async def _type(
    pc: RTCPeerConnection, port: int, got: Media, events: list[dict[str, Any]], turns: int
) -> None:
    """Join, and type one text after another, each when the answer to the one before is over."""
    keepers: list[asyncio.Task[None]] = []
    pc.addTransceiver("audio", direction="sendrecv")
    pc.addTransceiver("video", direction="recvonly")
    channel = pc.createDataChannel("events")
    channel.on("message", lambda text: events.append(json.loads(text)))
    pc.on("track", lambda track: keepers.append(asyncio.create_task(keep(track, got))))
    audio, video = (
        SenderClock(t.receiver, 48_000 if t.kind == "audio" else 90_000) for t in pc.getTransceivers()
    )
    await pc.setLocalDescription(await pc.createOffer())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
        answer = (await http.post("/api/offer", json={"sdp": pc.localDescription.sdp})).raise_for_status()
    await pc.setRemoteDescription(RTCSessionDescription(answer.json()["sdp"], "answer"))
    await _until(lambda: channel.readyState == "open")
    await asyncio.sleep(2)
    for turn in range(turns):
        channel.send(json.dumps({"type": "say", "text": TEXTS[turn % len(TEXTS)]}))
        await _until(lambda turn=turn: _answered(events) > turn)
        await asyncio.sleep(1)
    pictures_s, sounds_s = video.zero_s(), audio.zero_s()
    await pc.close()
    await asyncio.gather(*keepers, return_exceptions=True)
    got.shift(0.0, sounds_s - pictures_s)


def _answered(events: list[dict[str, Any]]) -> int:
    return sum(map(_is_answer, events))


def _is_answer(event: dict[str, Any]) -> bool:
    return bool(event["kind"] == "caption" and event["who"] == "avatar" and event["final"])


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for announces nothing)
            await asyncio.sleep(0.02)


def sound_delay_s(sent: Media, got: Media) -> float:
    """Return by how much the received sound's times exceed those of the same sound when it was sent."""
    (sent_s, one), (got_s, other) = sent.loudness(), got.loudness()
    size = len(one) + len(other)
    alike = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    lag = int(np.argmax(alike))
    return (lag if lag < len(other) else lag - size) * Media.STEP_S + got_s[0] - sent_s[0]


def picture_offsets_s(sent: Media, got: Media) -> list[float]:
    """Return for each answer by how much its received pictures are later than its sound."""
    delay_s = sound_delay_s(sent, got)
    sent_s, originals = np.array(sent.picture_s), np.stack(sent.pictures)
    offsets = []
    for onset_s, _ in got.stretches_s():
        late_s = []
        for at_s, picture in zip(got.picture_s, got.pictures, strict=True):
            near = np.flatnonzero(np.abs(sent_s - (at_s - delay_s)) < SEARCHED_S)
            if onset_s < at_s < onset_s + MATCHED_S and len(near):
                likeness = np.abs(originals[near] - picture).mean(axis=(1, 2))
                late_s.append(at_s - delay_s - sent_s[near[int(np.argmin(likeness))]])
        if late_s:
            offsets.append(float(np.median(late_s)))
    return offsets


def lags(media: Media, texts: Sequence[str]) -> list[Lag]:
    """Return how late the lips of each answer are; none when not each text was heard as one answer."""
    stretches = media.stretches_s()
    if len(stretches) != len(texts):
        return []
    openings = [media.opening(text, *stretch) for text, stretch in zip(texts, stretches, strict=True)]
    mouths, picture_s = np.stack(media.mouths), np.array(media.picture_s)
    return [lips_lag(mouths, picture_s, [opening]) for opening in openings]


def figures(sent: Media, got: Media, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median over the answers and the worst of them, and how long the sender took."""
    offsets = picture_offsets_s(sent, got)
    answers = lags(got, [event["text"] for event in events if _is_answer(event)])
    stages = {event["turn"]: event["stages_ms"] for event in events if event["kind"] == "latency"}
    waits = [s["webrtc_first"] - s["audible"] for s in stages.values() if "webrtc_first" in s]
    return {
        "av_offset_ms": _quantiles([1000 * value for value in offsets]),
        "lips_late_ms": _quantiles([lag.all_ms for lag in answers]),
        "lips_late_begin_ms": _quantiles([lag.begin_ms for lag in answers]),
        "lips_agreement": round(min((lag.agreement for lag in answers), default=0.0), 2),
        "webrtc_first_after_audible_ms": _quantiles(waits),
        "answers": len(answers),
        "received_fps": round(len(got.pictures) / max(1 / FPS, got.picture_s[-1] - got.picture_s[0]), 1),
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(float(np.median(values)), 1), "worst": round(float(max(values, key=abs)), 1)}
