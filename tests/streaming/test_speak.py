"""`POST /v1/speak`: text and sound are said in a show, in order, and the answer tells when."""

import asyncio
import io

import numpy as np
import pytest
import soundfile

from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from streaming.show import SPEECHES_WAITING
from tests.streaming.players import loudness, pitch_hz, playing, publishing, write_speech
from tests.streaming.rooms import open_room, until, visiting

WORD_S = 0.3


async def test_text_is_spoken_and_seen():
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        await player.take("video", 1)
        answer = await room.http.post("/v1/speak", json={"show": "stage", "text": "one two three four"})
        assert answer.status_code == 202
        assert answer.json() == {"show": "stage", "state": "queued", "waiting": 1}
        await player.until_mouth_opens()
        sound = [frame for frame in await player.take("audio", 60) if loudness(frame) > 1000]
    assert abs(pitch_hz(sound) - 220) < 25


async def test_done_is_answered_after_the_last_sound():
    async with open_room(FakeHost(size=64)) as room, playing(room.http):
        body = {"show": "stage", "text": "one two three", "until": "done"}
        began_s = asyncio.get_running_loop().time()
        answer = await room.http.post("/v1/speak", json=body)
        taken_s = asyncio.get_running_loop().time() - began_s
    assert answer.status_code == 200
    assert answer.json()["state"] == "done"
    assert answer.json()["played_s"] == pytest.approx(3 * WORD_S, abs=0.001)
    assert not answer.json()["interrupted"]
    assert taken_s > 3 * WORD_S - 0.04


async def test_speeches_follow_each_other_and_an_interruption_gives_them_up():
    host = FakeHost(size=64)
    async with open_room(host) as room, playing(room.http):
        ends = []
        host.performers[0].session.subscribe(ends.append)
        first, second, third = (
            asyncio.create_task(
                room.http.post("/v1/speak", json={"show": "stage", "text": text, "until": "done"})
            )
            for text in ("one", "two " * 60, "three")
        )
        await until(lambda: len(ends) == 3)
        last = await room.http.post(
            "/v1/speak", json={"show": "stage", "text": "stop", "until": "done", "interrupt": True}
        )
        answers = [(await task).json() for task in (first, second, third)]
    assert [a["interrupted"] for a in (*answers, last.json())] == [False, True, True, False]
    assert answers[2]["played_s"] == 0
    assert [type(e).__name__ for e in ends] == ["SegmentStarted", "SegmentFinished"] * 3


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
async def test_a_sound_file_is_spoken(kind):
    file = io.BytesIO()
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(file, np.stack([tone, tone], axis=1), 44_100, format=kind)
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        answer = asyncio.create_task(
            room.http.post(
                "/v1/speak",
                params={"show": "stage", "until": "done"},
                content=file.getvalue(),
                headers={"Content-Type": f"audio/{kind.lower()}"},
            )
        )
        sound = []
        while len(sound) < 30:
            sound += [f for f in await player.take("audio", 1) if loudness(f) > 1000]
        assert abs(pitch_hz(sound) - 440) < 25
        assert (await answer).json()["played_s"] == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"show": "stage"}, 400, "text"),
        ({"text": "hi"}, 400, "either a show or a visit"),
        ({"show": "stage", "visit": "x", "text": "hi"}, 400, "either a show or a visit"),
        ({"visit": "unknown", "text": "hi"}, 404, "no such visit"),
        ({"show": "stage", "text": ""}, 400, "text"),
        ({"show": "stage", "text": "hi", "loud": True}, 400, "loud"),
        ({"show": "stage", "text": "hi", "until": "later"}, 400, "until"),
        ({"show": "other", "text": "hi"}, 404, "running are: stage"),
        ({"show": "stage", "text": "far too long"}, 413, "At most 9"),
        ({"show": "stage", "text": "unspeakable"[:9], "until": "done"}, 200, ""),
    ],
)
async def test_what_cannot_be_said_is_refused_with_a_reason(body, status, words):
    config = RoomConfig(text_max_chars=9)
    async with open_room(FakeHost(size=64), config) as room, playing(room.http):
        answer = await room.http.post("/v1/speak", json=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json().get("message", "")


async def test_a_voice_that_fails_is_told_and_the_next_speech_is_said():
    async with open_room(FakeHost(size=64)) as room, playing(room.http):
        body = {"show": "stage", "until": "done"}
        failed = await room.http.post("/v1/speak", json=body | {"text": "one unspeakable two"})
        after = await room.http.post("/v1/speak", json=body | {"text": "one"})
    assert failed.status_code == 422
    assert "cannot say that" in failed.json()["message"]
    assert after.json()["played_s"] == pytest.approx(WORD_S, abs=0.001)


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVE", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n"])
async def test_bytes_that_are_no_sound_are_refused(data):
    async with open_room(FakeHost(size=64)) as room, playing(room.http):
        answer = await room.http.post(
            "/v1/speak?show=stage", content=data, headers={"Content-Type": "audio/wav"}
        )
    assert answer.status_code == 422


async def test_a_visit_is_spoken_to_by_its_key():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        await visitor.take("video", 1)
        body = {"visit": visitor.visit, "text": "one two", "until": "done"}
        done = await room.http.post("/v1/speak", json=body)
        queued = await room.http.post("/v1/speak", json=body | {"until": "queued"})
        await until(lambda: visitor.said("avatar") == ["one two"] * 2)
        file = io.BytesIO()
        soundfile.write(file, 0.4 * np.sin(np.arange(8000) / 5), 16_000, format="WAV")
        sound = await room.http.post(
            "/v1/speak",
            params={"visit": visitor.visit, "until": "done"},
            content=file.getvalue(),
            headers={"Content-Type": "audio/wav"},
        )
    assert done.status_code == 200
    assert done.json() == {
        "visit": visitor.visit,
        "state": "done",
        "played_s": 2 * WORD_S,
        "interrupted": False,
    }
    assert (queued.status_code, queued.json()["waiting"]) == (202, 1)
    assert sound.json()["played_s"] == pytest.approx(0.5, abs=0.04)


async def test_a_visit_that_is_over_is_not_spoken_to():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        await room.http.delete(f"/api/visits/{visitor.visit}")
        answer = await room.http.post("/v1/speak", json={"visit": visitor.visit, "text": "hi"})
    assert answer.status_code == 404


async def test_a_publisher_keeps_the_floor(tmp_path):
    speech = write_speech(tmp_path / "speech.wav", silence_s=0.0, sound_s=5.0)
    async with open_room(FakeHost(size=64)) as room, publishing(room.http, speech):
        answer = await room.http.post("/v1/speak", json={"show": "stage", "text": "me too"})
    assert answer.status_code == 409
    assert "a publisher speaks" in answer.json()["message"]


async def test_the_queue_is_bounded():
    async with open_room(FakeHost(size=64)) as room, playing(room.http):
        body = {"show": "stage", "text": "one two three"}
        codes = [
            (await room.http.post("/v1/speak", json=body)).status_code for _ in range(SPEECHES_WAITING + 2)
        ]
    assert codes[:SPEECHES_WAITING] == [202] * SPEECHES_WAITING
    assert codes[-1] == 409


async def test_nothing_is_left_of_speeches_when_the_show_ends():
    before = asyncio.all_tasks()
    host = FakeHost(size=64)
    async with open_room(host) as room, playing(room.http) as player:
        for _ in range(3):
            await room.http.post("/v1/speak", json={"show": "stage", "text": "one " * 50})
        await player.stop()
        assert host.performers[0].closed
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_token_is_needed_where_one_is_set():
    async with open_room(FakeHost(size=64), RoomConfig(bearer_token="secret")) as room:
        answer = await room.http.post("/v1/speak", json={"show": "stage", "text": "hi"})
        assert answer.status_code == 401
