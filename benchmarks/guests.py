"""Guests and players made of aiortc for `benchmarks.gathering`, in a process of their own.

Run as `python -m benchmarks.guests URL COUNT SECONDS (guests|players)`. It prints `ready` when all are
connected, and at the end how many pictures a second each received, as JSON.
"""

import asyncio
import json
import sys
import time
from fractions import Fraction

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

RATE_HZ = 48_000
BLOCK = 960
NOISE_PEAK = 60
"""A quiet room."""


class QuietMicrophone(MediaStreamTrack):
    """Twenty milliseconds of faint noise after another, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._noise = np.random.default_rng(0).integers(-NOISE_PEAK, NOISE_PEAK, BLOCK).astype(np.int16)
        self._begin_s = time.monotonic()
        self._count = 0

    async def recv(self) -> AudioFrame:
        """Return the next block at its time."""
        self._count += 1
        await asyncio.sleep(max(0.0, self._begin_s + self._count * BLOCK / RATE_HZ - time.monotonic()))
        frame = AudioFrame.from_ndarray(self._noise[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, BLOCK * self._count, Fraction(1, RATE_HZ)
        return frame


class Receiver:
    """One connection that counts pictures."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._tasks: list[asyncio.Task[None]] = []
        self.pictures = 0

    async def join(self, http: httpx.AsyncClient, number: int) -> None:
        """Connect."""
        if self._kind == "guests":
            self._pc.addTrack(QuietMicrophone())
        else:
            self._pc.addTransceiver("audio", direction="recvonly")
        self._pc.addTransceiver("video", direction="recvonly")
        self._pc.createDataChannel("events")
        self._pc.on("track", lambda track: self._tasks.append(asyncio.create_task(self._count(track))))
        await self._pc.setLocalDescription(await self._pc.createOffer())
        sdp = self._pc.localDescription.sdp
        answer = await self._answer(http, sdp, number)
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _answer(self, http: httpx.AsyncClient, sdp: str, number: int) -> str:
        if self._kind == "players":
            headers = {"Content-Type": "application/sdp"}
            return (await http.post("/whep/bench", content=sdp, headers=headers)).raise_for_status().text
        body = {"sdp": sdp, "room": "bench", "name": f"Guest {number}"}
        answer = (await http.post("/api/offer", json=body)).raise_for_status()
        return str(answer.json()["sdp"])

    async def _count(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.pictures += track.kind == "video"

    async def leave(self) -> None:
        """Hang up."""
        await self._pc.close()
        for task in self._tasks:
            task.cancel()


async def attend(url: str, count: int, seconds: float, kind: str) -> list[float]:
    """Let `count` of them attend; return the pictures a second of each."""
    receivers = [Receiver(kind) for _ in range(count)]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        try:
            for number, receiver in enumerate(receivers):
                await receiver.join(http, number)
        except httpx.HTTPStatusError as refused:
            for receiver in receivers:
                await receiver.leave()
            print(refused.response.json()["message"], flush=True)
            return []
        while not all(receiver.pictures > 5 for receiver in receivers):  # noqa: ASYNC110  (counters)
            await asyncio.sleep(0.05)
        before = [receiver.pictures for receiver in receivers]
        print("ready", flush=True)
        await asyncio.sleep(seconds)
        rates = [(r.pictures - b) / seconds for r, b in zip(receivers, before, strict=True)]
        for receiver in receivers:
            await receiver.leave()
    return rates


if __name__ == "__main__":
    address, number, duration, what = sys.argv[1:]
    print(json.dumps(asyncio.run(attend(address, int(number), float(duration), what))), flush=True)
