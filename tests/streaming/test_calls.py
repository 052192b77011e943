"""Calls over the loopback, against the fake host: who sees whom, made from what, and who may."""

import asyncio

import numpy as np

from streaming.fakes import FakeHost
from tests.streaming.callers import Person, calling, mouth_of
from tests.streaming.rooms import Voice, open_room, until


def waves(seconds):
    """Open and close the mouth twice a second."""
    return lambda tick: None if tick >= 25 * seconds else 0.5 - 0.5 * np.cos(2 * np.pi * tick / 12.5)


async def watch(person, count):
    """Return how dark the mouth is in the next pictures."""
    return [mouth_of(frame) for frame in await person.take("video", count)]


async def test_two_people_see_each_other_move_and_hear_each_other():
    host = FakeHost(size=128)
    async with open_room(host) as room, calling(room, Voice(loud_s=9), who="Ann") as ann:
        await until(lambda: ann.people())
        assert (ann.people()["me"], ann.people()["shown"]) == ("Ann", "")
        async with calling(room, who="Ben") as ben:
            moving = asyncio.create_task(ann.move(waves(4)))
            await until(lambda: (ben.people() or {}).get("shown") == "Ann")
            await until(lambda: ben.people()["people"][0]["how"] == "tracked")
            mouths = await watch(ben, 40)
            sounds = await ben.take("audio", 20)
            await moving
            assert max(mouths) - min(mouths) > 0.15
            assert max(np.abs(sound.to_ndarray()).max() for sound in sounds) > 4000
            assert ann.people()["shown"] == "Ben"
        await until(lambda: ann.people()["shown"] == "")
    assert host.present == 0


async def test_without_a_camera_the_face_is_made_from_the_voice_and_without_both_it_is_still():
    async with (
        open_room(FakeHost(size=128)) as room,
        calling(room, Voice(loud_s=60), who="Ann") as ann,
        calling(room, who="Ben") as ben,
    ):
        await until(lambda: ben.people() and ben.people()["people"][0]["how"] == "voice")
        assert max(await watch(ben, 15)) > 0.3
        await ann.move(waves(2))
        await until(lambda: ben.people()["people"][0]["how"] == "tracked")
        await until(lambda: ben.people()["people"][0]["how"] == "voice")
        await ann.pc.getSenders()[0].replaceTrack(None) if False else None
        assert ben.people()["people"][1]["how"] == "still", "of Ben comes neither"


async def test_who_draws_for_themselves_gets_motion_and_sound_and_costs_no_place():
    host = FakeHost(size=128)
    async with (
        open_room(host) as room,
        calling(room, Voice(loud_s=9), who="Ann", draw=False) as ann,
        calling(room, who="Ben", draw=False) as ben,
    ):
        await ann.move(waves(1))
        await until(lambda: len(ben.packets) >= 4)
        sounds = await ben.take("audio", 10)
        assert max(np.abs(sound.to_ndarray()).max() for sound in sounds) > 4000
        assert host.present == 0


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
