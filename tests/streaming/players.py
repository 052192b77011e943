"""Players and publishers made of aiortc, as strangers to our code: they know WHIP and WHEP alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import httpx
import numpy as np
import soundfile
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack

from tests.streaming.rooms import TIMEOUT_S

SDP = {"Content-Type": "application/sdp"}
LIP = 100
"""Grey level below which a pixel of the fake picture belongs to the open mouth."""


def connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


@dataclass
class Player:
    """Plays a show by WHEP."""

    http: httpx.AsyncClient
    pc: RTCPeerConnection = field(default_factory=connection)
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    answer: httpx.Response | None = None
    kinds: tuple[str, ...] = ("audio", "video")
    """In the order of the offer."""

    async def offer(self) -> str:
        for kind in self.kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        self.pc.on("track", lambda track: self.tracks.__setitem__(track.kind, track))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def play(self, path: str, **headers: str) -> httpx.Response:
        self.answer = await self.http.post(path, content=await self.offer(), headers=SDP | headers)
        if self.answer.status_code == 201:
            await self.pc.setRemoteDescription(RTCSessionDescription(self.answer.text, "answer"))
        return self.answer

    async def take(self, kind: str, count: int) -> list[av.VideoFrame | av.AudioFrame]:
        return [await asyncio.wait_for(self.tracks[kind].recv(), TIMEOUT_S) for _ in range(count)]

    async def until_mouth_opens(self) -> int:
        """Return the number of mouth pixels of the first picture that has many."""
        async with asyncio.timeout(TIMEOUT_S):
            while (pixels := mouth_pixels((await self.take("video", 1))[0])) < 50:
                pass
        return pixels

    async def stop(self) -> httpx.Response:
        assert self.answer is not None
        return await self.http.delete(self.answer.headers["location"])


def mouth_pixels(frame: av.VideoFrame) -> int:
    return int((frame.to_ndarray(format="gray") < LIP).sum())


@contextlib.asynccontextmanager
async def playing(http: httpx.AsyncClient, path: str = "/whep/stage") -> AsyncIterator[Player]:
    player = Player(http)
    answer = await player.play(path)
    assert answer.status_code == 201, answer.text
    try:
        yield player
    finally:
        await player.pc.close()


@dataclass
class Publisher:
    """Publishes a file by WHIP, as OBS does: sound and picture, both one way."""

    http: httpx.AsyncClient
    file: Path
    with_picture: bool = True
    pc: RTCPeerConnection = field(default_factory=connection)
    answer: httpx.Response | None = None

    async def offer(self) -> str:
        self.media = MediaPlayer(str(self.file))
        self.pc.addTransceiver(self.media.audio, direction="sendonly")
        if self.with_picture:
            self.pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def publish(self, path: str, **headers: str) -> httpx.Response:
        self.answer = await self.http.post(path, content=await self.offer(), headers=SDP | headers)
        if self.answer.status_code == 201:
            await self.pc.setRemoteDescription(RTCSessionDescription(self.answer.text, "answer"))
        return self.answer

    async def stop(self) -> None:
        await self.pc.close()
        self.media._stop(self.media.audio)


@contextlib.asynccontextmanager
async def publishing(
    http: httpx.AsyncClient, file: Path, path: str = "/whip/stage"
) -> AsyncIterator[Publisher]:
    publisher = Publisher(http, file)
    answer = await publisher.publish(path)
    assert answer.status_code == 201, answer.text
    try:
        yield publisher
    finally:
        await publisher.stop()


def write_speech(path: Path, *, silence_s: float, sound_s: float, rate_hz: int = 48_000) -> Path:
    """Write silence, then a tone of 330 Hz, then silence."""
    time_s = np.arange(round(sound_s * rate_hz)) / rate_hz
    silence = np.zeros(round(silence_s * rate_hz))
    sound = np.concatenate([silence, 0.5 * np.sin(2 * np.pi * 330 * time_s), silence])
    soundfile.write(path, sound, rate_hz)
    return path


def pitch_hz(frames: list[av.AudioFrame]) -> float:
    """Return the loudest frequency of stereo frames at 48 kHz."""
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / 48_000)[spectrum.argmax()])


def loudness(frame: av.AudioFrame) -> float:
    return float(np.sqrt(np.mean(frame.to_ndarray().astype(float) ** 2)))
