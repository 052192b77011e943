"""A real room on a free port, and a visitor made of aiortc who joins it over the loopback."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from streaming.config import RoomConfig
from streaming.contract import Host
from streaming.server import Extend, room_server, served_port

TIMEOUT_S = 20.0


@dataclass
class Room:
    """A running server and a client of its API."""

    http: httpx.AsyncClient


@contextlib.asynccontextmanager
async def open_room(
    host: Host, config: RoomConfig | None = None, extend: Extend = lambda shows: ()
) -> AsyncIterator[Room]:
    server = room_server(host, (config or RoomConfig()).model_copy(update={"port": 0}), extend)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        url = f"http://127.0.0.1:{served_port(server)}"
        async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http:
            yield Room(http)
    finally:
        server.should_exit = True
        await task
        await host.aclose()


class Voice(MediaStreamTrack):
    """A microphone: one second of a loud tone, then silence, paced in real time."""

    kind = "audio"

    def __init__(self, loud_s: float = 1.0) -> None:
        super().__init__()
        self._loud_frames = round(50 * loud_s)
        self._count = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        time = (960 * self._count + np.arange(960)) / 48_000
        peak = 12_000 if self._count < self._loud_frames else 0
        samples = (peak * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * self._count, Fraction(1, 48_000)
        self._count += 1
        return frame


@dataclass
class Visitor:
    """Someone in the room."""

    room: Room
    microphone: MediaStreamTrack | None = None
    pc: RTCPeerConnection = field(default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])))
    events: list[dict[str, Any]] = field(default_factory=list)
    tracks: dict[str, MediaStreamTrack] = field(default_factory=dict)
    visit: str = ""

    async def offer(self) -> str:
        """Prepare an offer as the page does."""
        if self.microphone:
            self.pc.addTrack(self.microphone)
        else:
            self.pc.addTransceiver("audio", direction="sendrecv")
        self.pc.addTransceiver("video", direction="recvonly")
        self.channel = self.pc.createDataChannel("events")
        self.channel.on("message", lambda text: self.events.append(json.loads(text)))
        self.pc.on("track", lambda track: self.tracks.__setitem__(track.kind, track))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def join(self, avatar: str | None = None) -> httpx.Response:
        """Send the offer; when it is answered, connect."""
        answer = await self.room.http.post("/api/offer", json={"sdp": await self.offer(), "avatar": avatar})
        if answer.status_code == 201:
            self.visit = answer.json()["visit"]
            await self.pc.setRemoteDescription(RTCSessionDescription(answer.json()["sdp"], "answer"))
        return answer

    async def send(self, **message: Any) -> None:
        """Send a message as soon as the channel is open."""
        await until(lambda: self.channel.readyState == "open")
        self.channel.send(json.dumps(message))

    async def take(self, kind: str, count: int) -> list[Any]:
        """Receive frames of a track."""
        return [await asyncio.wait_for(self.tracks[kind].recv(), TIMEOUT_S) for _ in range(count)]

    def said(self, who: str) -> list[str]:
        """Return the final captions of one side."""
        captions = [e for e in self.events if e["kind"] == "caption" and e["who"] == who]
        return [e["text"] for e in captions if e["final"]]

    async def leave(self) -> None:
        """Hang up, as a closed browser does."""
        await self.pc.close()


@contextlib.asynccontextmanager
async def visiting(room: Room, microphone: MediaStreamTrack | None = None) -> AsyncIterator[Visitor]:
    visitor = Visitor(room, microphone)
    await visitor.join()
    try:
        yield visitor
    finally:
        await visitor.leave()


async def until(condition: Any, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  (what is waited for belongs to others and announces nothing)
            await asyncio.sleep(0.01)
