"""`AvatarSession` with a real agent session, remote and local, and what the documentation shows of it."""

import asyncio
import importlib
import inspect
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import avatar as stock
from livekit.agents.voice.avatar import _datastream_io
from livekit.agents.voice.io import AgentOutput, PlaybackFinishedEvent
from livekit.plugins import visavis
from livekit.plugins.visavis import receiver
from visavis_client import AvatarRefusedError

from streaming.fakes import FakeHost
from streaming.livekit.config import LiveKitVideo
from streaming.livekit.worker import media_options, speak_for
from tests.house.snippets import snippet
from tests.plugins.agents import AGENT, AVATAR
from tests.plugins.faces import running
from tests.plugins.listeners import Listener
from tests.plugins.livekit_rooms import FakeParticipant, FakeReader, FakeRoom, FakeServer, FakeWriter
from tests.plugins.sounds import sounding_s
from tests.streaming.rooms import until

CHANGED = "LiveKit changed its contract: read docs/integrate.md#livekit, then livekit.plugins.visavis"
example = importlib.import_module("examples.livekit_agent")


class FakeApi:
    """LiveKit's server API, as far as a dispatch needs it; sends the worker's side into the room."""

    def __init__(self, server):
        self.server, self.host = server, FakeHost(size=16)
        self.requests, self.room, self.task = [], None, None
        self.agent_dispatch = SimpleNamespace(create_dispatch=self.create_dispatch)

    async def create_dispatch(self, request):
        self.requests.append(request)
        assignment = visavis.Assignment.decode(request.metadata)
        self.room = self.server.join(assignment.avatar_identity)
        session = (await self.host.perform(assignment.avatar or "vera")).session
        options = media_options(LiveKitVideo())
        self.task = asyncio.create_task(speak_for(self.room, assignment.agent_identity, session, options))


@asynccontextmanager
async def meeting():
    """A room with an agent; yields the agent's room and an API that dispatches into it."""
    server = FakeServer()
    room, lkapi = server.join(AGENT), FakeApi(server)
    try:
        yield room, lkapi
    finally:
        if lkapi.task:
            lkapi.room.emit("participant_disconnected", room.local_participant)
            await asyncio.wait([lkapi.task])


async def answer_of(session, participant, text="you said hello"):
    """Have the example answer; returns what was heard."""
    listener = Listener(participant)
    await listener.track(rtc.TrackKind.KIND_VIDEO)
    await session.start(Agent(instructions=""))
    speech = await example.answer(session, SimpleNamespace(text=text))
    await asyncio.wait_for(speech.wait_for_playout(), 30)
    await asyncio.sleep(0.1)
    sound = listener.sound()
    await listener.aclose()
    return sound


async def test_a_worker_is_dispatched_and_speaks():
    async with meeting() as (room, lkapi):
        session = AgentSession()
        metrics = []
        face = visavis.AvatarSession(avatar="vera", avatar_name="Vera", lkapi=lkapi)
        face.on("metrics_collected", metrics.append)
        await face.start(session, room=room)
        await face.wait_for_join(timeout=5)
        sound = await answer_of(session, lkapi.room.local_participant)
        await session.aclose()
        await face.aclose()
        await face.aclose()
    (request,) = lkapi.requests
    assert (request.agent_name, request.room) == ("visavis-avatar", "room")
    assert visavis.Assignment.decode(request.metadata) == visavis.Assignment(AGENT, AVATAR, "Vera", "vera")
    assert not request.attributes
    assert sounding_s(sound) == pytest.approx(5 * 0.25, abs=0.15)
    assert metrics[0].metadata.model_provider == "visavis"


async def test_the_agent_shows_a_local_avatar_itself():
    async with meeting() as (room, _), running() as (url, host):
        session = AgentSession()
        face = visavis.AvatarSession(local=url)
        await face.start(session, room=room)
        assert face.avatar_identity == AGENT
        sound = await answer_of(session, room.local_participant)
        await session.aclose()
        await face.aclose()
        await until(lambda: host.present == 0)
    assert sounding_s(sound) == pytest.approx(5 * 0.25, abs=0.15)


async def test_an_interruption_is_answered_at_once():
    async with meeting() as (room, lkapi):
        session = AgentSession()
        face = visavis.AvatarSession(lkapi=lkapi)
        await face.start(session, room=room)
        listener = Listener(lkapi.room.local_participant)
        await session.start(Agent(instructions=""))
        speech = await example.answer(session, SimpleNamespace(text="a long story that goes on and on"))
        await listener.until_loud()
        began_s = asyncio.get_running_loop().time()
        await session.interrupt()
        await speech.wait_for_playout()
        assert asyncio.get_running_loop().time() - began_s < 1.5, "2 s would be the timeout of the agent"
        await asyncio.sleep(0.3)
        assert np.abs(listener.sound(asyncio.get_running_loop().time() - 0.2)).max(initial=0) == 0
        await listener.aclose()
        await session.aclose()
        await face.aclose()


async def test_without_visavis_a_local_avatar_says_so():
    async with meeting() as (room, _), running(FakeHost(places=0, size=16)) as (url, _):
        with pytest.raises(AvatarRefusedError, match="places are taken"):
            await visavis.AvatarSession(local=url).start(AgentSession(), room=room)


async def test_a_local_avatar_that_is_lost_does_not_hold_the_agent_up():
    async with meeting() as (room, _):
        session = AgentSession()
        async with running() as (url, _):
            face = visavis.AvatarSession(local=url)
            await face.start(session, room=room)
            listener = Listener(room.local_participant)
            await session.start(Agent(instructions=""))
            speech = await example.answer(session, SimpleNamespace(text="one two three four five six"))
            await listener.until_loud()
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        speech = await example.answer(session, SimpleNamespace(text="and again"))
        await asyncio.wait_for(speech.wait_for_playout(), 20)
        await listener.aclose()
        await session.aclose()
        await face.aclose()


async def test_the_snippet_runs():
    async with meeting() as (room, lkapi):
        session = AgentSession()
        face = await snippet("livekit_face.py")["with_a_face"](session, room, lkapi=lkapi)
        sound = await answer_of(session, lkapi.room.local_participant, "hello")
        await session.aclose()
        await face.aclose()
    assert sounding_s(sound) == pytest.approx(3 * 0.25, abs=0.15)


def test_the_tested_versions_are_installed():
    assert version("livekit-agents").startswith("1.8."), CHANGED


def test_names_on_the_wire_are_those_of_livekit():
    for name in ("AUDIO_STREAM_TOPIC", "RPC_CLEAR_BUFFER", "RPC_PLAYBACK_STARTED", "RPC_PLAYBACK_FINISHED"):
        assert getattr(receiver, name) == getattr(_datastream_io, name), CHANGED
    assert receiver.STREAM_IDLE_TIMEOUT_S == _datastream_io.STREAM_IDLE_TIMEOUT, CHANGED


def test_the_end_of_playback_takes_what_we_send():
    fields = list(inspect.signature(PlaybackFinishedEvent).parameters)
    assert fields == ["playback_position", "interrupted", "synchronized_transcript"], CHANGED


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (stock.AvatarSession.start, ["self", "agent_session", "room"]),
        (stock.AvatarSession.aclose, ["self"]),
        (stock.AudioReceiver.notify_playback_finished, ["self", "playback_position", "interrupted"]),
        (stock.AudioReceiver.notify_playback_started, ["self"]),
        (stock.QueueAudioOutput.__init__, ["self", "sample_rate", "wait_playback_start"]),
        (
            stock.DataStreamAudioOutput.__init__,
            ["self", "room", "destination_identity", "sample_rate", "wait_remote_track",
             "clear_buffer_timeout", "wait_playback_start"],
        ),
        (AgentOutput.replace_audio_tail, ["self", "sink"]),
        (rtc.AudioSource.__init__, ["self", "sample_rate", "num_channels", "queue_size_ms", "loop"]),
    ],
)  # fmt: skip
def test_functions_are_called_as_before(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters, CHANGED


async def test_what_we_use_of_the_base_class_is_there():
    face = visavis.AvatarSession()
    assert face._room is None, CHANGED
    assert callable(face._on_connection_state_changed), CHANGED
    assert isinstance(visavis.LocalAudioOutput()._pending_playback_count, int), CHANGED
    assert not visavis.LocalAudioOutput().can_pause, CHANGED


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        (FakeRoom, rtc.Room),
        (FakeParticipant, rtc.LocalParticipant),
        (FakeReader, rtc.ByteStreamReader),
        (FakeWriter, rtc.ByteStreamWriter),
    ],
)
def test_the_fakes_have_the_shape_of_the_sdk(fake, real):
    """What both offer is called in the same way."""
    own = (name for name in vars(fake) if not name.startswith("__"))
    shared = {name for name in own if callable(getattr(real, name, None))}
    assert len(shared) >= 2, CHANGED
    for name in shared:
        ours = inspect.signature(getattr(fake, name)).parameters
        theirs = inspect.signature(getattr(real, name)).parameters
        assert set(ours) <= set(theirs), f"{real.__name__}.{name}: {CHANGED}"


def test_options_have_the_fields_we_set():
    fields = {field.name for field in rtc.TrackPublishOptions.DESCRIPTOR.fields}
    ours = {"video_encoding", "audio_encoding", "video_codec", "video_encoder", "degradation_preference"}
    assert ours | {"simulcast", "dtx", "red", "source"} <= fields, CHANGED
