"""A new avatar by upload: progress, refusals, limits, names."""

import json

import pytest
from starlette.exceptions import HTTPException

from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from streaming.upload import free_name, slug
from tests.streaming.rooms import Visitor, open_room

PHOTO = b"\x89PNG not really"


async def _upload(room, name="Ada Lovelace", photo=PHOTO):
    return await room.http.post("/api/avatars", data={"name": name}, files={"photo": ("a.png", photo)})


async def test_progress_arrives_line_by_line_and_the_avatar_can_be_met():
    async with open_room(FakeHost(size=64, step_s=0.01)) as room:
        answer = await _upload(room)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        visitor = Visitor(room)
        assert (await visitor.join("ada-lovelace")).status_code == 201
        await visitor.leave()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/x-ndjson"
    fractions = [line["fraction"] for line in lines[:-1]]
    assert fractions == sorted(fractions)
    assert {line["kind"] for line in lines[:-1]} == {"progress"}
    done = lines[-1]
    assert done.pop("key"), "who made it may drive it in calls"
    assert done == {"kind": "done", "name": "ada-lovelace"}


async def test_the_first_line_comes_before_the_work_is_done():
    async with (
        open_room(FakeHost(size=16, step_s=0.2)) as room,
        room.http.stream(
            "POST", "/api/avatars", data={"name": "Ada"}, files={"photo": ("a.png", PHOTO)}
        ) as answer,
    ):
        first = await anext(answer.aiter_lines())
        assert len((await room.http.get("/api/avatars")).json()) == 1
    assert json.loads(first)["fraction"] == 0


async def test_a_refused_photo_says_what_would_help():
    async with open_room(FakeHost(size=16)) as room:
        answer = await _upload(room, photo=b"hello")
    assert answer.status_code == 422
    assert "JPEG, PNG or WebP" in answer.json()["message"]


async def test_too_large_a_photo_is_refused_while_it_arrives():
    async with open_room(FakeHost(size=16), RoomConfig(upload_max_mb=0.1)) as room:
        answer = await _upload(room, photo=PHOTO + bytes(1_000_000))
    assert answer.status_code == 413
    assert "MB" in answer.json()["message"]


@pytest.mark.parametrize(
    ("kwargs", "status"),
    [
        ({"content": b"raw"}, 415),
        ({"data": {"name": "x"}}, 415),
        ({"files": {"photo": ("a.png", PHOTO)}}, 400),
        ({"data": {"name": "!!"}, "files": {"photo": ("a.png", PHOTO)}}, 400),
        ({"data": {"name": "x"}, "files": {"picture": ("a.png", PHOTO)}}, 400),
        ({"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400),
    ],
)
async def test_bad_forms_are_refused(kwargs, status):
    async with open_room(FakeHost(size=16)) as room:
        answer = await room.http.post("/api/avatars", **kwargs)
        assert len((await room.http.get("/api/avatars")).json()) == 1
    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("Zoë", "zoe"),
        ("../../etc", "etc"),
        ("a" * 90, "a" * 40),
        ("-_-7", "7"),
    ],
)
def test_titles_become_folder_names(title, name):
    assert slug(title) == name


@pytest.mark.parametrize("title", ["", "  ", "..", "名前"])
def test_titles_without_letters_are_refused(title):
    with pytest.raises(HTTPException):
        slug(title)


def test_taken_names_get_a_number():
    assert free_name("ada", set()) == "ada"
    assert free_name("ada", {"ada", "ada-2"}) == "ada-3"
