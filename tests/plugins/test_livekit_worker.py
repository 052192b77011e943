"""The avatar worker: how LiveKit sends it, what it promises the room, and when it leaves."""

import asyncio
import pickle
from types import SimpleNamespace

import pytest
from livekit import rtc
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.plugins.visavis import Assignment, AssignmentError
from livekit.plugins.visavis.dispatch import PUBLISH_ON_BEHALF
from pydantic import SecretStr

from agent.avatar_worker import capacity, check, make_server
from agent.config import ConfigError, load_config
from engine.admission import AdmissionConfig
from streaming.fakes import FakeHost
from streaming.livekit.config import LiveKitConfig, LiveKitVideo
from streaming.livekit.worker import avatar_server, media_options, speak_for
from tests.plugins.agents import AGENT, AVATAR
from tests.plugins.dispatcher import dispatching, registered
from tests.plugins.listeners import Listener
from tests.plugins.livekit_rooms import FakeServer
from tests.plugins.sounds import RATE_HZ, tone
from tests.streaming.rooms import until

ASSIGNMENT = Assignment(AGENT, AVATAR, "Vera", "vera")
SECRET = "a secret that stays here"


def nothing(*_):
    """Stand for a job, and for a warm-up."""


def worker_at(url, capacity=2):
    config = LiveKitConfig(url=url, api_key="key", api_secret=SecretStr(SECRET), idle_processes=0)
    return avatar_server(config, nothing, warm_up=nothing, known=lambda: ["vera"], capacity=capacity)


async def test_livekit_is_told_who_comes_and_for_whom():
    async with dispatching() as (dispatcher, url), registered(worker_at(url), dispatcher):
        answer = await dispatcher.offer("AJ_1", ASSIGNMENT.encode())
    assert dispatcher.registered.agent_name == "visavis-avatar"
    assert answer.available
    assert (answer.participant_identity, answer.participant_name) == (AVATAR, "Vera")
    attributes = dict(answer.participant_attributes)
    assert attributes.pop(PUBLISH_ON_BEHALF) == AGENT
    assert set(attributes) <= {"lk.agent.name"}, "attributes are read by everybody in the room"
    assert SECRET not in str(answer) + str(dispatcher.registered) + ASSIGNMENT.encode()
    assert not dispatcher.registered.allowed_permissions.can_update_metadata


async def test_a_full_machine_is_sent_nobody_else():
    async with dispatching() as (dispatcher, url), registered(worker_at(url, capacity=1), dispatcher):
        first = await dispatcher.offer("AJ_1", ASSIGNMENT.encode())
        second = await dispatcher.offer("AJ_2", ASSIGNMENT.encode())
    assert (first.available, second.available) == (True, False)


@pytest.mark.parametrize(
    ("metadata", "terminate"),
    [
        ("", True),
        ("{}", True),
        ('{"agent_identity": "a", "avatar_identity": "b", "avatar_name": "", "avatar": null}', True),
        (Assignment(AGENT, AVATAR, "Nobody", "nobody").encode(), False),
    ],
)
async def test_what_is_no_assignment_for_here_is_refused(metadata, terminate):
    async with dispatching() as (dispatcher, url), registered(worker_at(url), dispatcher):
        answer = await dispatcher.offer("AJ_1", metadata)
    assert not answer.available
    assert answer.terminate == terminate, "an avatar of another machine is not the end of the job"


@pytest.mark.parametrize(
    "metadata", ["", "[]", '{"agent_identity": 1}', '{"agent_identity": "a", "secret": "b"}']
)
def test_assignments_are_strict(metadata):
    with pytest.raises(AssignmentError):
        Assignment.decode(metadata)


def test_assignments_travel():
    assert Assignment.decode(ASSIGNMENT.encode()) == ASSIGNMENT
    assert PUBLISH_ON_BEHALF == ATTRIBUTE_PUBLISH_ON_BEHALF


async def test_the_worker_speaks_for_its_agent_until_that_leaves():
    server, host = FakeServer(), FakeHost(size=16)
    agent_room, room = server.join(AGENT), server.join(AVATAR)
    session = (await host.perform("vera")).session
    speaking = asyncio.create_task(speak_for(room, AGENT, session, media_options(LiveKitVideo())))
    listener = Listener(room.local_participant)
    output = DataStreamAudioOutput(
        agent_room, destination_identity=AVATAR, sample_rate=RATE_HZ,
        wait_remote_track=rtc.TrackKind.KIND_VIDEO, wait_playback_start=True,
    )  # fmt: skip
    pcm = tone(0.2)
    await output.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm)))
    output.flush()
    end = await asyncio.wait_for(output.wait_for_playout(), 5)
    assert (end.interrupted, end.playback_position) == (False, pytest.approx(0.2))
    await listener.until_loud()
    room.emit("participant_disconnected", SimpleNamespace(identity="somebody else"))
    await asyncio.sleep(0.05)
    assert not speaking.done()
    room.emit("participant_disconnected", agent_room.local_participant)
    await asyncio.wait_for(speaking, 5)
    await listener.aclose()
    await session.aclose()
    assert host.present == 0


async def test_the_worker_leaves_where_no_agent_comes():
    host = FakeHost(size=16)
    async with (await host.perform("vera")).session as session:
        room, options = FakeServer().join(AVATAR), media_options(LiveKitVideo())
        await asyncio.wait_for(speak_for(room, AGENT, session, options, patience_s=0.1), 5)


def test_jobs_can_be_handed_to_other_processes():
    config = load_config(
        "echo", {"LIVEKIT_URL": "ws://x", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": SECRET}
    )
    server = make_server(config, 2)
    entry, warm_up = pickle.loads(pickle.dumps((server._entrypoint_fnc, server.setup_fnc)))
    assert entry.args == warm_up.args == (config,)
    assert SECRET not in repr(config)


@pytest.mark.parametrize(("cost_ms", "fitting"), [(1, 28), (14, 2), (28, 1), (100, 1)])
def test_the_load_follows_what_frames_cost(cost_ms, fitting, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert capacity(AdmissionConfig(), cost_ms / 1000) == fitting


def test_missing_credentials_are_named():
    with pytest.raises(ConfigError, match="LIVEKIT_API_KEY, LIVEKIT_API_SECRET"):
        check(load_config("echo", {"LIVEKIT_URL": "ws://x"}))


def test_settings_reach_the_tracks():
    options = media_options(LiveKitVideo(codec="h264", encoder="nvenc", max_kbps=800))
    video = options.video()
    assert video.video_codec == rtc.VideoCodec.H264
    assert video.video_encoder == rtc.VideoEncoderBackend.ENCODER_BACKEND_NVENC
    assert video.video_encoding.max_bitrate == 800_000


async def test_a_session_that_ends_ends_the_speaking():
    server, host = FakeServer(), FakeHost(size=16)
    server.join(AGENT)
    session = (await host.perform("vera")).session
    speaking = asyncio.create_task(
        speak_for(server.join(AVATAR), AGENT, session, media_options(LiveKitVideo()))
    )
    await until(lambda: server.rooms[1].local_participant.track_publications)
    await session.aclose()
    await asyncio.wait_for(speaking, 5)
