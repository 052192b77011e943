"""Ears and eyes on real LiveKit tracks: what leaves the source, and when."""

import asyncio

import numpy as np
from livekit import rtc

from tests.plugins.sounds import RATE_HZ
from tests.streaming.rooms import until


class Listener:
    """Takes a participant's two tracks as soon as they are published."""

    def __init__(self, participant):
        self._participant = participant
        self.heard = []
        """Time and samples of each 10 ms."""
        self.seen = []
        """Time, width and height of each picture."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def track(self, kind):
        found = lambda: [  # noqa: E731
            p.track for p in self._participant.track_publications.values() if p.kind == kind
        ]
        await until(found)
        return found()[0]

    def sound(self, since_s=0.0):
        return np.concatenate([np.zeros(0, np.int16), *(pcm for at_s, pcm in self.heard if at_s >= since_s)])

    def last_loud_s(self):
        """Loop time at which the last sound that was sent stops, at the pace at which it is heard."""
        loud = [i for i, (_, pcm) in enumerate(self.heard) if np.abs(pcm.astype(int)).max() > 100]
        burst = next(
            i for i in range(loud[-1], -1, -1) if i == 0 or self.heard[i][0] - self.heard[i - 1][0] > 0.02
        )
        return self.heard[burst][0] + 0.01 * (loud[-1] - burst + 1)

    async def until_loud(self):
        await until(lambda: any(np.abs(pcm.astype(int)).max() > 100 for _, pcm in self.heard))

    async def aclose(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _listen(self):
        track = await self.track(rtc.TrackKind.KIND_AUDIO)
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE_HZ, num_channels=1)
        try:
            async for event in stream:
                at_s = asyncio.get_running_loop().time()
                self.heard.append((at_s, np.frombuffer(event.frame.data, np.int16).copy()))
        finally:
            await stream.aclose()

    async def _look(self):
        stream = rtc.VideoStream(await self.track(rtc.TrackKind.KIND_VIDEO))
        try:
            async for event in stream:
                at_s = asyncio.get_running_loop().time()
                self.seen.append((at_s, event.frame.width, event.frame.height))
        finally:
            await stream.aclose()
