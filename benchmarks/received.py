"""What a receiver gets: when lips and sound of each answer begin in the media that came over WebRTC.

A client of aiortc joins a room over the loopback, types, and keeps what it receives, small and grey. The same
is kept of the packets that went into the room. Times are the sender's, which its reports tell for either
stream: by them a browser plays sound and picture together.

    lips_after_sound_ms   onset of lips less onset of sound of each answer, in what was received
    av_offset_ms          by how much pictures came later than their sound: each received picture is found
                          among those that were sent, its sound likewise; the median of each answer
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpSrPacket

from agent.host import ConversationHost
from engine.packets import MEDIA_RATE_HZ, AVPacket
from models.motion.frame import FPS
from streaming.config import RoomConfig
from streaming.contract import Partner
from streaming.server import room_server, served_port

TEXTS: Final = ("My mother makes pancakes.", "Maybe we should meet by the bay.", "Both bought more paper.")
SMALL: Final = 128
"""Side of the pictures that are kept."""
STEP_S: Final = 0.01
LOUD: Final = 0.01
"""Root mean square of 10 ms from which they are heard."""
STIRRING: Final = 6.0
"""Lips move when they stir so many times as much as at rest."""
MATCHED_S: Final = 1.5
"""Pictures of an answer that are looked for among the sent ones."""
SEARCHED_S: Final = 0.5
"""So much earlier or later than its sound."""


@dataclass(slots=True)
class Media:
    """Pictures and sound with their times in seconds."""

    picture_s: list[float] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    sound_s: list[float] = field(default_factory=list)
    """Time of each 10 ms."""
    loudness: list[float] = field(default_factory=list)

    def add_picture(self, at_s: float, grey: np.ndarray) -> None:
        """Keep a picture, small."""
        step = max(1, grey.shape[0] // SMALL)
        self.picture_s.append(at_s)
        self.pictures.append(grey[: SMALL * step : step, : SMALL * step : step].astype(np.float32))

    def add_sound(self, at_s: float, pcm: np.ndarray, rate_hz: int) -> None:
        """Keep the loudness of samples in -1..1."""
        size = round(rate_hz * STEP_S)
        for index, part in enumerate(pcm[: len(pcm) // size * size].reshape(-1, size)):
            self.sound_s.append(at_s + index * STEP_S)
            self.loudness.append(float(np.sqrt(np.mean(part**2))))

    def shift(self, picture_s: float, sound_s: float) -> None:
        """Count both from another zero."""
        self.picture_s = [at_s + picture_s for at_s in self.picture_s]
        self.sound_s = [at_s + sound_s for at_s in self.sound_s]

    def onsets_s(self) -> list[float]:
        """Return when sound begins after at least half a second of silence."""
        loud = [at_s for at_s, level in zip(self.sound_s, self.loudness, strict=True) if level > LOUD]
        return [now for before, now in zip([-1.0, *loud], loud, strict=False) if now - before > 0.5]

    def lips_after_sound_s(self) -> list[float]:
        """Return for each onset of sound how much later the lips begin to move; NaN where they do not."""
        times, stir = np.array(self.picture_s[1:]), self._stir()
        offsets = []
        for onset_s in self.onsets_s():
            near = (times > onset_s - 0.15) & (times < onset_s + 0.6)
            moving = times[near & (stir > STIRRING * np.percentile(stir, 25))]
            offsets.append(float(moving[0] - onset_s) if len(moving) else float("nan"))
        return offsets

    def _stir(self) -> np.ndarray:
        """Return how much the mouth changes from picture to picture; it is what moves with sound alone."""
        changes = np.abs(np.diff(np.stack(self.pictures), axis=0))
        around = np.convolve(self.loudness, np.ones(30) / 30, "same")
        level = np.interp(self.picture_s[1:], self.sound_s, around)
        contrast = changes[level > LOUD].mean(axis=0) - 2 * changes[level < LOUD / 10].mean(axis=0)
        mouth = contrast >= np.quantile(contrast, 0.98)
        return changes[:, mouth].mean(axis=1)


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
        """Return the sender's time of what was received first; a report that was delayed counts for less."""
        first = self._receiver._RTCRtpReceiver__timestamp_mapper._origin
        return min(ntp_s - _signed(rtp - first) / self._rate_hz for ntp_s, rtp in self._reports)


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
            self._sent.add_sound(at_s, packet.pcm / 32768, MEDIA_RATE_HZ)
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
                media.add_sound(at_s, left / 32768, frame.sample_rate)


async def received(host: ConversationHost, turns: int) -> dict[str, Any]:
    """Type so many turns into a room, and return the figures of what came back."""
    sent, got, events = Media(), Media(), list[dict[str, Any]]()
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
    return sum(event["kind"] == "caption" and event["who"] == "avatar" and event["final"] for event in events)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (what is waited for announces nothing)
            await asyncio.sleep(0.02)


def sound_delay_s(sent: Media, got: Media) -> float:
    """Return by how much the received sound's times exceed those of the same sound when it was sent."""
    one, other = np.array(sent.loudness), np.array(got.loudness)
    size = len(one) + len(other)
    alike = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    lag = int(np.argmax(alike))
    return (lag if lag < len(other) else lag - size) * STEP_S + got.sound_s[0] - sent.sound_s[0]


def picture_offsets_s(sent: Media, got: Media) -> list[float]:
    """Return for each answer by how much its received pictures are later than its sound."""
    delay_s = sound_delay_s(sent, got)
    sent_s, originals = np.array(sent.picture_s), np.stack(sent.pictures)
    offsets = []
    for onset_s in got.onsets_s():
        late_s = []
        for at_s, picture in zip(got.picture_s, got.pictures, strict=True):
            if onset_s < at_s < onset_s + MATCHED_S:
                near = np.flatnonzero(np.abs(sent_s - (at_s - delay_s)) < SEARCHED_S)
                likeness = np.abs(originals[near] - picture).mean(axis=(1, 2))
                late_s.append(at_s - delay_s - sent_s[near[int(np.argmin(likeness))]])
        if late_s:
            offsets.append(float(np.median(late_s)))
    return offsets


def figures(sent: Media, got: Media, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median over the answers and the worst of them, and how long the sender took."""
    offsets = picture_offsets_s(sent, got)
    stages = {event["turn"]: event["stages_ms"] for event in events if event["kind"] == "latency"}
    waits = [s["webrtc_first"] - s["audible"] for s in stages.values() if "webrtc_first" in s]
    return {
        "av_offset_ms": _quantiles([1000 * value for value in offsets]),
        "lips_after_sound_ms": _quantiles([1000 * v for v in got.lips_after_sound_s() if np.isfinite(v)]),
        "webrtc_first_after_audible_ms": _quantiles(waits),
        "answers": len(offsets),
        "received_fps": round(len(got.pictures) / max(1 / FPS, got.picture_s[-1] - got.picture_s[0]), 1),
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(float(np.median(values)), 1), "worst": round(float(max(values, key=abs)), 1)}
