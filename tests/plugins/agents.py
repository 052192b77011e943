"""An agent's side of an avatar: a real LiveKit output, what it was told, and what was heard in the room."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.plugins.visavis import AvatarPublisher, LocalAudioOutput, Media, MediaOptions, StreamReceiver
from livekit.plugins.visavis.session import shown_of_client
from visavis_client import Avatar

from streaming.fakes import FakeHost
from streaming.livekit.faces import shown_of_session
from tests.plugins.faces import running
from tests.plugins.listeners import Listener
from tests.plugins.livekit_rooms import FakeServer
from tests.plugins.sounds import RATE_HZ
from tests.streaming.rooms import until

AGENT, AVATAR = "agent", "visavis-avatar"


@dataclass
class Stage:
    """What the agent speaks through, and everything that came of it."""

    output: Any
    room: Any
    """The room as the avatar's participant sees it."""
    agent_room: Any
    listener: Listener
    publisher: Any
    finished: list = field(default_factory=list)
    """Loop time and event of each end."""
    started: list = field(default_factory=list)

    def __post_init__(self):
        now_s = asyncio.get_running_loop().time
        self.output.on("playback_finished", lambda event: self.finished.append((now_s(), event)))
        self.output.on("playback_started", lambda event: self.started.append(now_s()))

    async def say(self, pcm, rate_hz=RATE_HZ, flush=True, frame_s=0.05):
        """Speak as an agent session does: frames faster than real time, then a flush."""
        step = round(frame_s * rate_hz)
        for start in range(0, len(pcm), step):
            piece = pcm[start : start + step]
            await self.output.capture_frame(rtc.AudioFrame(piece.tobytes(), rate_hz, 1, len(piece)))
        if flush:
            self.output.flush()

    async def until_finished(self, count=1):
        await until(lambda: len(self.finished) >= count)

    @property
    def ends(self):
        return [(event.interrupted, event.playback_position) for _, event in self.finished]


@asynccontextmanager
async def remote(options=None, **output_options):
    """A worker's publisher on a lent session, in a room with the agent."""
    server, host = FakeServer(), FakeHost(size=16)
    agent_room, room = server.join(AGENT), server.join(AVATAR)
    wish = {
        "sample_rate": RATE_HZ,
        "wait_remote_track": rtc.TrackKind.KIND_VIDEO,
        "wait_playback_start": True,
    }
    output = DataStreamAudioOutput(agent_room, destination_identity=AVATAR, **(wish | output_options))
    async with (await host.perform("vera")).session as session:
        receiver = StreamReceiver(room, AGENT)
        media = Media(room, 16, 16, options or MediaOptions())
        publisher = AvatarPublisher(session, shown_of_session(), receiver, media)
        async with _running(publisher, output, room, agent_room) as stage:
            yield stage
        await receiver.aclose()
        await media.aclose()
    await host.aclose()


@asynccontextmanager
async def local(options=None):
    """A publisher in the agent's own room, on an avatar behind the socket."""
    server = FakeServer()
    room = server.join(AGENT)
    output = LocalAudioOutput(sample_rate=RATE_HZ, wait_playback_start=True)
    async with running() as (url, _), await Avatar.open(url, picture="i420") as face:
        media = Media(room, face.width, face.height, options or MediaOptions())
        publisher = AvatarPublisher(face, shown_of_client, output, media)
        async with _running(publisher, output, room, room) as stage:
            yield stage
        await media.aclose()


@asynccontextmanager
async def _running(publisher, output, room, agent_room):
    task = asyncio.create_task(publisher.run())
    listener = Listener(room.local_participant)
    try:
        await listener.track(rtc.TrackKind.KIND_VIDEO)
        yield Stage(output, room, agent_room, listener, publisher)
    finally:
        await listener.aclose()
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
