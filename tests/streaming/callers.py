"""Somebody in a call, made of aiortc: a voice, motion over the data channel, and what came back."""

import asyncio
import contextlib
import itertools
from fractions import Fraction

import numpy as np
from aiortc import RTCSessionDescription
from aiortc.codecs.opus import OpusEncoder
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from streaming.encoders import install_encoder
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.in_voice import RIDERS_MAX, join
from tests.streaming.rooms import Visitor, until


class Microphone(MediaStreamTrack):
    """A tone that comes in real time, however late it is asked for; as a microphone's does."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self._start_s = None
        self._count = 0

    async def recv(self):
        loop = asyncio.get_running_loop()
        self._start_s = self._start_s or loop.time()
        await asyncio.sleep(max(0.0, self._start_s + 0.02 * self._count - loop.time()))
        time_s = (960 * self._count + np.arange(960)) / 48_000
        samples = (12_000 * np.sin(2 * np.pi * 300 * time_s)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * self._count, Fraction(1, 48_000)
        self._count += 1
        return frame


class CarryingEncoder(OpusEncoder):
    """Lets what waits of motion ride on the next packet of voice, as the page does."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def encode(self, frame, force_keyframe=False):
        payloads, timestamp = super().encode(frame, force_keyframe)
        riders, self.waiting = self.waiting[-RIDERS_MAX:], []
        return [join(payload, riders) for payload in payloads], timestamp


class Person(Visitor):
    """A visitor who takes part in a call."""

    async def call(self, name="home", *, avatar=None, who="Ann", key="", draw=True, carries=False):
        """Join a call, with motion in the voice if that `carries` it; returns the answer to the offer."""
        self.packets = []
        sdp = await self._motion_offer()
        self.carrier = CarryingEncoder() if carries else None
        if self.carrier:
            install_encoder(self.pc.getSenders()[0], self.carrier)
        body = {"sdp": sdp, "avatar": avatar, "call": name, "name": who, "key": key, "draw": draw}
        body["voice_carries_motion"] = carries
        answer = await self.room.http.post("/api/offer", json=body)
        if answer.status_code == 201:
            self.visit = answer.json()["visit"]
            await self.pc.setRemoteDescription(RTCSessionDescription(answer.json()["sdp"], "answer"))
        return answer

    async def _motion_offer(self):
        self.motion = self.pc.createDataChannel("motion", ordered=False, maxRetransmits=0)
        self.motion.on("message", self.packets.append)
        return await self.offer()

    async def move(self, jaw, *, lossy=lambda number: False):
        """Send motion in real time; `jaw(tick)` gives how open the mouth is, None sends nothing more."""
        await until(lambda: self.motion.readyState == "open")
        encoder = MotionEncoder(MotionConfig())
        state, loop = encoder.init_state(), asyncio.get_running_loop()
        start_s, sent = loop.time(), 0
        for tick in itertools.count():
            opening = jaw(tick)
            if opening is None:
                return
            frame = MotionFrame.rest()
            frame.expression[EXPRESSION_INDEX["jawOpen"]] = opening
            packets, state = encoder.step(frame.vector()[None], state)
            for packet in packets:
                if not lossy(sent):
                    (self.carrier.waiting.append if self.carrier else self.motion.send)(packet)
                sent += 1
            await asyncio.sleep(max(0, start_s + 0.04 * (tick + 1) - loop.time()))

    def people(self):
        """Return what was last told of who is here."""
        return next((e for e in reversed(self.events) if e["kind"] == "people"), None)


@contextlib.asynccontextmanager
async def calling(room, microphone=None, **joining):
    person = Person(room, microphone)
    answer = await person.call(**joining)
    assert answer.status_code == 201, answer.text
    try:
        yield person
    finally:
        await person.leave()


def mouth_of(frame):
    """Return how dark the mouth of the drawn face is, 0..1, in a received picture."""
    picture = frame.to_ndarray(format="rgb24").astype(np.float32)
    side = picture.shape[0]
    patch = picture[round(0.54 * side) : round(0.62 * side), round(0.46 * side) : round(0.54 * side)]
    return 1.0 - float(patch.mean()) / 255
