"""visavis as a participant of a LiveKit room: comes when somebody is there, hears, reads, answers."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit import api, rtc
from livekit.agents import types
from pydantic import SecretStr

from streaming.fakes import FakeHost
from streaming.livekit import ears, guest
from streaming.livekit.config import LiveKitConfig
from streaming.livekit.lobby import Lobby, keep_visiting, token_of
from tests.plugins.listeners import Listener
from tests.plugins.livekit_rooms import AGENT, PERSON, FakeServer
from tests.plugins.sounds import tone
from tests.streaming.rooms import until

SECRET = "a secret of thirty-two characters"
CONFIG = LiveKitConfig(url="ws://127.0.0.1:9", api_key="key", api_secret=SecretStr(SECRET), room="room")


@asynccontextmanager
async def lobby():
    """visavis in a room; yields the server, its own room, and the host that welcomes."""
    server, host = FakeServer(), FakeHost(size=16)
    room = server.join("visavis", AGENT)
    task = asyncio.create_task(Lobby(room, lambda: host.welcome("vera"), CONFIG, 100).run())
    try:
        yield server, room, host
    finally:
        room.emit("disconnected", "over")
        await asyncio.wait_for(task, 10)
        await host.aclose()


def states(room):
    return room.local_participant.attributes.get(guest.AGENT_STATE)


def written(room):
    return [text for topic, text, _ in room.local_participant.texts if topic == guest.TRANSCRIPTION_TOPIC]


class Microphone:
    """A person's real track, into which sound is spoken in real time."""

    def __init__(self, room):
        self.room = room
        self.source = rtc.AudioSource(48_000, 1, queue_size_ms=0)
        self.publication = None

    async def publish(self):
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        self.publication = await self.room.local_participant.publish_track(track, options)

    async def speak(self, loud_s, silent_s):
        pcm = np.concatenate([tone(loud_s, 48_000), np.zeros(round(48_000 * silent_s), np.int16)])
        for start in range(0, len(pcm) - 479, 480):
            await self.source.capture_frame(
                rtc.AudioFrame(pcm[start : start + 480].tobytes(), 48_000, 1, 480)
            )
            await asyncio.sleep(0.01)


async def test_it_answers_what_is_written_and_tells_its_state():
    async with lobby() as (server, room, _):
        person = server.join("ada", PERSON)
        listener = Listener(room.local_participant)
        await listener.track(rtc.TrackKind.KIND_VIDEO)
        await person.local_participant.send_text("hello", topic=ears.CHAT_TOPIC)
        await listener.until_loud()
        assert states(room) == "speaking"
        await until(lambda: states(room) == "idle")
        await listener.aclose()
        assert written(room) == ["hello", "You said: hello"]
        about = room.local_participant.texts[-1][2]
        assert about == {"lk.segment_id": "avatar-1", "lk.transcription_final": "true"}
        assert {(width, height) for _, width, height in listener.seen} == {(16, 16)}


async def test_it_hears_one_microphone_and_then_the_next():
    async with lobby() as (server, room, _):
        first, second = (Microphone(server.join(name, PERSON)) for name in ("ada", "bob"))
        await until(lambda: room.local_participant.track_publications)
        await first.publish()
        await second.publish()
        await asyncio.gather(first.speak(0.5, 0.8), second.speak(1.2, 0.0))
        await until(lambda: written(room))
        assert written(room)[0].startswith("(0.5")
        await first.room.local_participant.unpublish_track(first.publication.sid)
        said = len(written(room))
        await second.speak(0.9, 0.8)
        await until(lambda: len(written(room)) > said)
        assert any(text.startswith("(0.9") for text in written(room)[said:])


async def test_it_is_there_for_people_and_leaves_the_room_empty():
    async with lobby() as (server, room, host):
        server.join("other agent", AGENT)
        await asyncio.sleep(0.1)
        assert host.partners == []
        person = server.join("ada", PERSON)
        await until(lambda: len(room.local_participant.track_publications) == 2)
        person.leave()
        await until(lambda: host.partners[0].closed)
        await until(lambda: not room.local_participant.track_publications)
        server.join("bob", PERSON)
        await until(lambda: len(host.partners) == 2)
    assert all(partner.closed for partner in host.partners)


async def test_texts_that_are_too_long_are_not_read():
    async with lobby() as (server, room, _):
        person = server.join("ada", PERSON)
        await until(lambda: room.local_participant.track_publications)
        await person.local_participant.send_text("x" * 101, topic=ears.CHAT_TOPIC)
        await person.local_participant.send_text("short", topic=ears.CHAT_TOPIC)
        await until(lambda: written(room))
        assert written(room)[0] == "short"


def test_the_token_lets_an_agent_into_one_room():
    token = token_of(CONFIG)
    claims = api.TokenVerifier("key", SECRET).verify(token)
    assert (claims.identity, claims.kind, claims.video.room, claims.video.room_join) == (
        "visavis", "agent", "room", True,
    )  # fmt: skip
    assert SECRET not in token
    assert not claims.video.room_admin


async def test_a_server_that_is_not_there_is_tried_again(caplog):
    visiting = asyncio.create_task(keep_visiting(CONFIG, FakeHost(size=16).welcome, 100))
    await until(lambda: "no LiveKit at ws://127.0.0.1:9" in caplog.text)
    assert not visiting.done()
    visiting.cancel()
    await asyncio.wait([visiting])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (guest.AGENT_STATE, "ATTRIBUTE_AGENT_STATE"),
        (guest.SEGMENT_ID, "ATTRIBUTE_TRANSCRIPTION_SEGMENT_ID"),
        (guest.TRANSCRIPTION_FINAL, "ATTRIBUTE_TRANSCRIPTION_FINAL"),
        (guest.TRANSCRIPTION_TOPIC, "TOPIC_TRANSCRIPTION"),
        (ears.CHAT_TOPIC, "TOPIC_CHAT"),
    ],
)
def test_names_are_those_of_livekit(ours, theirs):
    assert ours == getattr(types, theirs), "LiveKit renamed what frontends look for"
