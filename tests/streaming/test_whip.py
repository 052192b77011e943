"""WHIP: a file published by a real client becomes the avatar's voice, and its mouth moves."""

import asyncio

import numpy as np
import pytest

from streaming.fakes import FakeHost
from streaming.voice_gate import HANG_S, PRE_ROLL_S, VoiceGate
from tests.streaming.players import (
    Publisher,
    loudness,
    mouth_pixels,
    pitch_hz,
    playing,
    publishing,
    write_speech,
)
from tests.streaming.rooms import open_room, until


@pytest.fixture
def speech(tmp_path):
    return write_speech(tmp_path / "speech.wav", silence_s=1.2, sound_s=2.0)


async def test_a_published_file_is_heard_and_moves_the_mouth(speech):
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        before = mouth_pixels((await player.take("video", 3))[-1])
        async with publishing(room.http, speech):
            listening = asyncio.create_task(_loud(player, 40))
            opened = await player.until_mouth_opens()
            sound = await listening
    assert before < 50 <= opened
    assert abs(pitch_hz(sound) - 330) < 25, "the published tone; a busy machine leaves gaps in it"


async def test_the_mouth_closes_and_the_avatar_idles_when_the_publisher_is_silent(speech):
    host = FakeHost(size=64)
    async with open_room(host) as room, playing(room.http) as player, publishing(room.http, speech):
        session = host.performers[0].session
        ends = []
        session.subscribe(ends.append)
        await player.until_mouth_opens()
        await until(lambda: len(ends) == 2)
    assert not ends[1].interrupted
    assert ends[1].played_s == pytest.approx(2.0 + PRE_ROLL_S + HANG_S, abs=0.25)


async def test_a_publisher_begins_a_show_and_players_come_later(speech):
    host = FakeHost(places=1, size=64)
    async with open_room(host) as room, publishing(room.http, speech) as publisher:
        async with playing(room.http) as player:
            await player.until_mouth_opens()
            await player.stop()
        assert not host.performers[0].closed
        assert (await room.http.delete(publisher.answer.headers["location"])).status_code == 200
        assert host.performers[0].closed


async def test_pictures_are_not_asked_for(speech):
    async with open_room(FakeHost(size=64)) as room, publishing(room.http, speech) as publisher:
        sound, picture = publisher.answer.text.split("m=video")
    assert "a=recvonly" in sound
    assert "a=inactive" in picture


async def test_sound_alone_is_enough(speech):
    async with open_room(FakeHost(size=64)) as room:
        publisher = Publisher(room.http, speech, with_picture=False)
        assert (await publisher.publish("/whip/stage")).status_code == 201
        await publisher.stop()


async def test_one_voice_has_one_publisher(speech):
    host = FakeHost(size=64)
    async with open_room(host) as room:
        async with publishing(room.http, speech) as first:
            second = Publisher(room.http, speech)
            refused = await second.publish("/whip/stage")
            await second.stop()
            assert refused.status_code == 409
            assert "a publisher speaks" in refused.json()["message"]
            await room.http.delete(first.answer.headers["location"])
        async with publishing(room.http, speech):
            pass


async def test_a_publisher_who_vanishes_leaves_silence(tmp_path):
    endless = write_speech(tmp_path / "long.wav", silence_s=0.0, sound_s=30.0)
    host = FakeHost(size=64)
    async with open_room(host) as room, playing(room.http) as player:
        ends = []
        async with publishing(room.http, endless):
            await player.until_mouth_opens()
            host.performers[0].session.subscribe(ends.append)
        await until(lambda: ends)
        assert host.performers[0].session.stats()["speech_waiting_s"] == 0
        assert not host.performers[0].closed


def test_nothing_audible_is_cut():
    gate = VoiceGate()
    rng = np.random.default_rng(0)
    quiet = rng.integers(-20, 20, (100, 480)).astype(np.int16)
    loud = rng.integers(-9000, 9000, (100, 480)).astype(np.int16)
    said, state = [], gate.init_state()
    for block in (*quiet, *loud, *quiet):
        out, state = gate.step(block, 24_000, state)
        said.append(out)
    sound = np.concatenate(said)
    pre_roll = round(PRE_ROLL_S * 24_000)
    np.testing.assert_array_equal(sound[pre_roll : pre_roll + loud.size], loud.ravel())
    np.testing.assert_array_equal(sound[:pre_roll], quiet.ravel()[-pre_roll:])
    assert not state.open
    assert len(sound) == pytest.approx(pre_roll + loud.size + HANG_S * 24_000, abs=481)


@pytest.mark.parametrize("cut", [7, 160, 480, 1000])
def test_a_pause_between_sentences_ends_nothing(cut):
    gate, state = VoiceGate(), VoiceGate().init_state()
    loud = np.full(4800, 5000, np.int16)
    sound = np.concatenate([loud, np.zeros(9600, np.int16), loud])
    opens = []
    for start in range(0, len(sound), cut):
        _, state = gate.step(sound[start : start + cut], 24_000, state)
        opens.append(state.open)
    assert all(opens)


async def _loud(player, count):
    frames = []
    while len(frames) < count:
        (frame,) = await player.take("audio", 1)
        if loudness(frame) > 1000:
            frames.append(frame)
    return frames
