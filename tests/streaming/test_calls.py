"""Calls over the loopback, against the fake host: who sees whom, made from what, and who may."""

import asyncio
import contextlib

import numpy as np
import pytest

from streaming.fakes import FakeHost
from tests.streaming.callers import Microphone, Person, calling, mouth_of
from tests.streaming.rooms import open_room, until

pytestmark = pytest.mark.usefixtures("unchecked")


@contextlib.asynccontextmanager
async def moving(person):
    """Let somebody open and close the mouth twice a second."""
    task = asyncio.create_task(person.move(lambda tick: 0.5 - 0.5 * np.cos(2 * np.pi * tick / 12.5)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def hear(person):
    """Take sound until some of it is loud: what was sent before anybody spoke is silent."""
    for _ in range(300):
        (sound,) = await person.take("audio", 1)
        if np.abs(sound.to_ndarray()).max() > 4000:
            return
    pytest.fail("nothing was heard")


def how(watcher, name):
    """Return what somebody's picture is made from, as a watcher was told last."""
    told = watcher.people() or {"people": []}
    return next((person["how"] for person in told["people"] if person["name"] == name), None)


async def watch(person, count):
    """Return how dark the mouth is in the next pictures."""
    return [mouth_of(frame) for frame in await person.take("video", count)]


async def test_two_people_see_each_other_move_and_hear_each_other():
    host = FakeHost(size=128)
    async with open_room(host) as room, calling(room, Microphone(), who="Ann") as ann:
        await until(lambda: ann.people())
        assert (ann.people()["me"], ann.people()["shown"]) == ("Ann", "")
        async with calling(room, who="Ben") as ben, moving(ann):
            await until(lambda: how(ben, "Ann") == "tracked")
            assert ben.people()["shown"] == "Ann"
            mouths = await watch(ben, 30)
            assert max(mouths) - min(mouths) > 0.15
            await hear(ben)
            assert ann.people()["shown"] == "Ben"
        await until(lambda: ann.people()["shown"] == "")
        # Nobody looks at Ann any more, so she is not drawn.
        await until(lambda: host.present == 0)
    assert host.present == 0


async def test_without_a_camera_the_face_is_made_from_the_voice_and_without_both_it_is_still():
    async with (
        open_room(FakeHost(size=128)) as room,
        calling(room, Microphone(), who="Ann") as ann,
        calling(room, who="Ben") as ben,
    ):
        await until(lambda: how(ben, "Ann") == "voice")
        assert max(await watch(ben, 10)) > 0.3, "the mouth is as loud as the voice"
        async with moving(ann):
            await until(lambda: how(ben, "Ann") == "tracked")
        await until(lambda: how(ben, "Ann") == "voice")
        await until(lambda: how(ben, "Ben") == "still")  # of Ben comes neither


async def test_of_two_who_are_silent_the_one_is_shown_who_moves():
    async with (
        open_room(FakeHost(places=3, size=64)) as room,
        calling(room, who="Ann") as ann,
        calling(room, who="Cid") as cid,
        calling(room, who="Ben") as ben,
    ):
        await until(lambda: ben.people() and ben.people()["shown"] == "Ann")
        async with moving(cid):
            await until(lambda: ben.people()["shown"] == "Cid")
        assert how(ben, "Ann") == "still"
        assert ann.people()["shown"] == "Cid"


async def test_who_does_not_look_is_sent_sound_and_no_pictures():
    async with (
        open_room(FakeHost(size=64)) as room,
        calling(room, Microphone(), who="Ann") as ann,
        calling(room, who="Ben") as ben,
        moving(ann),
    ):
        await until(lambda: how(ben, "Ann") == "tracked")
        await watch(ben, 5)
        await ben.send(type="watch", on=False)
        begin = await pictures_sent(ben, after=2)
        assert begin > 5
        assert await pictures_sent(ben, after=1) - begin <= 3, "one a second, lest it is taken for frozen"
        await hear(ben)
        assert how(ben, "Ann") == "tracked", "what it would be made from is told all the same"
        await ben.send(type="watch", on=True)
        assert await pictures_sent(ben, after=2) - begin > 15


async def pictures_sent(person, after):
    """Return how many pictures were sent to somebody, when the room has told so many more times."""

    def told():
        return [event["values"]["pictures_sent"] for event in person.events if event["kind"] == "stats"]

    count = len(told()) + after
    await until(lambda: len(told()) >= count)
    return told()[-1]


@contextlib.asynccontextmanager
async def riding():
    """Let Ben see Ann, whose motion comes with her voice."""
    async with (
        open_room(FakeHost(size=128)) as room,
        calling(room, Microphone(), who="Ann", carries=True) as ann,
        calling(room, who="Ben") as ben,
        moving(ann),
    ):
        await until(lambda: how(ben, "Ann") == "tracked")
        yield ann, ben


async def test_motion_comes_with_the_voice_and_the_voice_is_heard():
    async with riding() as (_, ben):
        mouths = await watch(ben, 30)
        assert max(mouths) - min(mouths) > 0.15
        await hear(ben)


async def test_the_room_is_told_how_the_clocks_of_voice_and_motion_lie():
    async with riding() as (ann, ben):
        # By a tie far away no motion belongs to what is heard, so the face is made from the voice.
        await ann.send(type="tie", ms=40_000_000)
        await until(lambda: how(ben, "Ann") == "voice")


async def test_the_room_is_told_by_how_much_motion_is_late():
    async with (
        open_room(FakeHost(size=64)) as room,
        calling(room, Microphone(), who="Ann") as ann,
        calling(room, who="Ben") as ben,
    ):
        await ann.send(type="lag", ms=70)
        await until(
            lambda: any(e["kind"] == "stats" and e["values"].get("motion_lag_ms") == 70 for e in ben.events)
        )


async def test_who_draws_for_themselves_gets_motion_and_sound_and_costs_no_place():
    host = FakeHost(size=128)
    async with (
        open_room(host) as room,
        calling(room, Microphone(), who="Ann", draw=False) as ann,
        calling(room, who="Ben", draw=False) as ben,
        moving(ann),
    ):
        await until(lambda: len(ben.packets) >= 4)
        await hear(ben)
        assert host.present == 0


async def test_who_draws_for_themselves_goes_on_hearing_when_another_is_followed():
    """The other came later, so their voice's clock is behind; RTP goes back, and on from there."""
    async with open_room(FakeHost(size=64)) as room, contextlib.AsyncExitStack() as first:
        await first.enter_async_context(calling(room, Microphone(), who="Ann", draw=False))
        await asyncio.sleep(6)
        async with calling(room, who="Ben", draw=False) as ben:
            await hear(ben)
            async with calling(room, Microphone(), who="Cid", draw=False):
                await first.aclose()
                await until(lambda: how(ben, "Ann") is None)
                async with asyncio.timeout(3):
                    await ben.take("audio", 50)
                await hear(ben)


async def test_an_avatar_with_a_key_is_driven_by_who_has_it():
    async with open_room(FakeHost(size=64)) as room:
        made = await room.http.post("/api/avatars", data={"name": "Zoe", "made_by": "Zoe M."}, files=PHOTO)
        key = made.text.split('"key": "')[1].split('"')[0]
        cards = {card["name"]: card for card in (await room.http.get("/api/avatars")).json()}
        assert (cards["zoe"]["made_by"], cards["zoe"]["open"]) == ("Zoe M.", False)
        assert key not in str(cards)
        for wrong in ("", "x", key[:-1]):
            stranger = Person(room)
            answer = await stranger.call(avatar="zoe", key=wrong)
            assert answer.status_code == 403
            assert "has a key" in answer.json()["message"]
            await stranger.leave()
        assert (await room.http.get("/api/calls/home")).json() == {"people": []}
        async with calling(room, avatar="zoe", key=key, who="Zoe") as zoe:
            await until(lambda: zoe.people())
            assert zoe.people()["people"][0]["made_by"] == "Zoe M."
            assert (await room.http.get("/api/calls/home")).json() == {"people": ["Zoe"]}


PHOTO = {"photo": ("photo.jpg", b"\xff\xd8...", "image/jpeg")}


async def test_a_machine_without_a_place_says_so_and_the_call_goes_on():
    async with open_room(FakeHost(size=64, places=2)) as room:
        async with calling(room, who="Ann") as ann, calling(room, who="Ben") as ben:
            await ben.take("video", 2)
            third = Person(room)
            answer = await third.call(who="Cid")
            assert answer.status_code == 503
            await third.leave()
            await ann.take("video", 2)
            assert len(ann.people()["people"]) == 2
        assert (await room.http.get("/api/health")).status_code == 200


async def test_bad_motion_is_counted_and_harms_nothing():
    async with (
        open_room(FakeHost(size=64)) as room,
        calling(room, who="Ann") as ann,
        calling(room, who="Ben") as ben,
    ):
        await until(lambda: ann.motion.readyState == "open")
        for packet in (b"\x00", b"\xff" * 50, b"\x10\x00\x00\x00\x00\x00\x00", "text", b"x" * 5000):
            ann.motion.send(packet)
        await ben.take("video", 10)
        await until(
            lambda: any(
                e["kind"] == "stats" and e["values"].get("motion_refused_packets") == 3 for e in ben.events
            )
        )
