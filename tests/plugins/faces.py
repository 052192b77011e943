"""A running room on fake stages, an avatar of it, and everything that came back."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from visavis_client import Avatar, SegmentFinished, SegmentStarted

from streaming.fakes import FakeHost
from tests.streaming.rooms import open_room, until


@dataclass
class Watched:
    """An avatar, and what it showed and told since it was opened."""

    avatar: Avatar
    frames: list = field(default_factory=list)
    events: list = field(default_factory=list)

    @property
    def finished(self):
        return [event for event in self.events if isinstance(event, SegmentFinished)]

    @property
    def started(self):
        return [event.segment for event in self.events if isinstance(event, SegmentStarted)]

    def sound(self, since=0):
        return np.frombuffer(b"".join(frame.pcm for frame in self.frames[since:]), "<i2")

    async def until_finished(self, count):
        await until(lambda: len(self.finished) >= count)

    async def until_sounding(self):
        await until(lambda: any(frame.segment for frame in self.frames))

    async def frames_more(self, count):
        wanted = len(self.frames) + count
        await until(lambda: len(self.frames) >= wanted)


@asynccontextmanager
async def running(host=None, config=None):
    """Open a room on the fake host; yields its address and the host."""
    host = host or FakeHost(size=16)
    async with open_room(host, config) as room:
        yield str(room.http.base_url), host


@asynccontextmanager
async def watching(url, **wish):
    """Open an avatar and keep everything it shows."""
    async with await Avatar.open(url, **wish) as avatar:
        watched = Watched(avatar)
        avatar.subscribe(watched.events.append)
        watcher = asyncio.create_task(_watch(watched))
        try:
            yield watched
        finally:
            await avatar.aclose()
            await watcher


async def _watch(watched):
    async for frame in watched.avatar:
        watched.frames.append(frame)
