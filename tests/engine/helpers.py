"""A session on fakes, and stages that remember what they were asked."""

import numpy as np

from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.config import SessionConfig
from engine.packets import MEDIA_RATE_HZ, SegmentFinished
from engine.session import Session
from models.motion.stage import StillMotion
from models.picture import BoxPicture

SIZE = 16


class RecordingMotion(StillMotion):
    """`StillMotion` that keeps every chunk it was asked for."""

    def __init__(self):
        self.chunks = []

    def step(self, chunk, state):
        self.chunks.append(chunk)
        return super().step(chunk, state)

    def spoken(self):
        return [chunk for chunk in self.chunks if chunk.segment]


class CountingPicture(BoxPicture):
    """`BoxPicture` whose corner holds the number of the picture, and that keeps the tiers it was given."""

    def __init__(self, size=SIZE):
        super().__init__(size)
        self.tiers = []

    def step(self, motion, state, tier):
        picture, state = super().step(motion, state, tier)
        picture[0, 0] = [state // 65536, state // 256 % 256, state % 256]
        self.tiers.append(tier)
        return picture, state


def number_of(packet):
    high, middle, low = (int(value) for value in packet.picture[0, 0])
    return 65536 * high + 256 * middle + low


def picture_cost(seconds):
    """Compute on which only pictures take loop time: a number, or a function that tells each one's."""
    take = seconds if callable(seconds) else lambda: seconds
    return InlineCompute(lambda fn: take() if "Picture" in fn.__qualname__ else 0.0)


def motion_cost(seconds):
    """Compute on which only motion takes loop time."""
    return InlineCompute(lambda fn: seconds if "Motion" in fn.__qualname__ else 0.0)


def open_session(motion=None, picture=None, compute=None, seed=0, **config):
    """Open a session on fakes, paced live unless told otherwise."""
    return Session(
        motion or StillMotion(),
        picture or CountingPicture(),
        clock=LoopClock(),
        compute=compute or InlineCompute(),
        config=SessionConfig(**config),
        seed=seed,
    )


def noise(samples, seed=1, loudness=6000):
    """Return sound without a zero in it, so that each sample can be told from silence."""
    values = np.random.default_rng(seed).integers(1, loudness, samples)
    return (values * np.random.default_rng(seed + 1).choice([-1, 1], samples)).astype(np.int16)


def seconds(length_s, seed=1):
    return noise(round(length_s * MEDIA_RATE_HZ), seed)


async def take(session, count):
    return [await anext(session) for _ in range(count)]


async def take_until_quiet(session, limit=1000):
    """Take packets until the first that follows every utterance."""
    packets = []
    while len(packets) < limit:
        packets.append(await anext(session))
        if not session.stats()["segments_waiting"] and not packets[-1].segment:
            return packets
    raise AssertionError("it never fell quiet")


def sound(packets):
    return np.concatenate([packet.pcm for packet in packets])


def heard(packets, segment):
    """Return the sound of the packets in which this utterance is heard."""
    return sound([packet for packet in packets if packet.segment == segment])


class Events:
    """Subscriber that keeps what it was told."""

    def __init__(self, session):
        self.all = []
        self.unsubscribe = session.subscribe(self.all.append)

    @property
    def finished(self):
        return [event for event in self.all if isinstance(event, SegmentFinished)]

    @property
    def started(self):
        return [event for event in self.all if not isinstance(event, SegmentFinished)]
