"""Recordings over the API and as an option: a file that plays, sound with its picture."""

import asyncio

import av
import numpy as np
import pytest

from streaming.config import RoomConfig
from streaming.fake_performer import FakePerformer
from streaming.fakes import FakeHost
from tests.streaming.players import LIP, playing
from tests.streaming.rooms import open_room, until


@pytest.fixture
def config(tmp_path):
    return RoomConfig(recordings=str(tmp_path / "tapes"))


async def test_a_speech_is_recorded_with_its_mouth(config, tmp_path):
    host = FakeHost(size=64)
    async with open_room(host, config) as room:
        began = await room.http.post("/api/shows/stage/recording")
        body = {"show": "stage", "text": "one two three four", "until": "done"}
        assert (await room.http.post("/v1/speak", json=body)).status_code == 200
        ended = await room.http.delete("/api/shows/stage/recording")
        file = await room.http.get(began.headers["location"])
        assert host.performers[0].closed, "the recording was all that kept the show running"
    assert (began.status_code, ended.status_code) == (201, 200)
    assert ended.json()["file"] == began.json()["file"] == "stage-1.mp4"
    (tmp_path / "got.mp4").write_bytes(file.content)
    opened, loud = _seen_and_heard(tmp_path / "got.mp4")
    assert len(opened) == ended.json()["frames"]
    assert loud.sum() == pytest.approx(30, abs=2)
    assert (opened != loud).sum() <= 3


async def test_one_show_has_one_recording_at_a_time_and_files_are_kept_apart(config):
    async with open_room(FakeHost(size=64), config) as room, playing(room.http) as player:
        for number in (1, 2):
            began = await room.http.post("/api/shows/stage/recording")
            assert began.json()["file"] == f"stage-{number}.mp4"
            assert (await room.http.post("/api/shows/stage/recording")).status_code == 409
            assert (await room.http.get(began.headers["location"])).status_code == 404
            await player.take("video", 5)
            assert (await room.http.delete("/api/shows/stage/recording")).status_code == 200
            assert (await room.http.delete("/api/shows/stage/recording")).status_code == 404
            assert (await room.http.get(began.headers["location"])).status_code == 200


async def test_every_show_can_be_recorded_to_its_end(config, tmp_path):
    config = config.model_copy(update={"record": True})
    async with open_room(FakeHost(size=64), config) as room, playing(room.http) as player:
        await player.take("video", 10)
        await player.stop()
        await until(lambda: (tmp_path / "tapes" / "stage-1.mp4").exists())
    opened, _ = _seen_and_heard(tmp_path / "tapes" / "stage-1.mp4")
    assert len(opened) >= 10


class SlowlyLeaving(FakePerformer):
    """Takes a while to leave, as a session does whose picture is being made."""

    async def aclose(self):
        await asyncio.sleep(0.5)
        await super().aclose()


class SlowHost(FakeHost):
    async def perform(self, avatar):
        self.performers.append(SlowlyLeaving(64))
        return self.performers[-1]


async def test_a_show_that_begins_while_another_of_its_name_ends_has_its_own_file(config, tmp_path):
    config = config.model_copy(update={"record": True})
    async with open_room(SlowHost(), config) as room, playing(room.http) as one:
        await one.take("video", 3)
        leaving = asyncio.create_task(one.stop())
        await asyncio.sleep(0.1)
        async with playing(room.http) as two:
            await two.take("video", 3)
            await asyncio.gather(leaving, two.stop())
        folder = tmp_path / "tapes"
        await until(lambda: sorted(path.name for path in folder.iterdir()) == ["stage-1.mp4", "stage-2.mp4"])


async def test_closing_the_room_finishes_recordings(config, tmp_path):
    async with open_room(FakeHost(size=64), config) as room, playing(room.http) as player:
        await room.http.post("/api/shows/stage/recording")
        await player.take("video", 3)
    assert [path.name for path in (tmp_path / "tapes").iterdir()] == ["stage-1.mp4"]


@pytest.mark.parametrize("name", ["..%2Fsecret.mp4", "stage-1.mp4.part", "nothing.mp4", "..mp4"])
async def test_only_recordings_can_be_fetched(config, tmp_path, name):
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    async with open_room(FakeHost(size=64), config) as room:
        assert (await room.http.get(f"/api/recordings/{name}")).status_code == 404


def _seen_and_heard(path):
    """Return for each frame whether the mouth is open, and whether there is sound."""
    with av.open(str(path)) as container:
        opened = [(f.to_ndarray(format="gray") < LIP).sum() > 50 for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loud = np.abs(sound[: len(opened) * 960].reshape(-1, 960)).max(axis=1) > 0.05
    return np.array(opened), loud
