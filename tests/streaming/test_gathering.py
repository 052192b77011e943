"""Several guests over real WebRTC on the loopback: one avatar, each other's voices, names, leaving."""

import asyncio
import contextlib
import gc
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from aiortc import RTCSessionDescription

from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from streaming.gathering import Gathering
from streaming.guest_line import GuestLine
from streaming.shared_pictures import CodecLine
from streaming.visit import Visit
from tests.streaming.players import pitch_hz, playing
from tests.streaming.rooms import Room, Visitor, Voice, open_room, until


@dataclass
class Guest(Visitor):
    """A visitor who came by the link of a gathering."""

    name: str = ""
    gathering: str = "tea"

    async def ask(self, **more: str) -> httpx.Response:
        body = {"sdp": await self.offer(), "room": self.gathering, "name": self.name, **more}
        return await self.room.http.post("/api/offer", json=body)

    async def join(self, **more: str) -> httpx.Response:
        answer = await self.ask(**more)
        if answer.status_code == 201:
            await self.enter(answer)
        return answer

    async def enter(self, answer: httpx.Response) -> None:
        self.visit = answer.json()["visit"]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.json()["sdp"], "answer"))

    def told(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["kind"] == kind]

    @property
    def others(self) -> list[str]:
        return [guest["name"] for guest in self.told("guests")[-1]["guests"]] if self.told("guests") else []


@contextlib.asynccontextmanager
async def guest(room: Room, name: str, microphone=None, **more):
    one = Guest(room, microphone, name=name)
    answer = await one.join(**more)
    assert answer.status_code == 201, answer.text
    try:
        yield one
    finally:
        await one.leave()


async def test_both_see_the_same_avatar_and_hear_it():
    host = FakeHost(places=1, size=64)
    async with open_room(host) as room, guest(room, "Ann") as ann, guest(room, "Ben") as ben:
        frames = await asyncio.gather(ann.take("video", 20), ben.take("video", 20))
        await ben.send(type="say", text="one two three four five six seven eight")
        sounds = await asyncio.gather(*(_until_loud(one) for one in (ann, ben)))
        await until(lambda: all(one.said("avatar") for one in (ann, ben)))
        assert len(host.companies) == 1
    for pictures in frames:
        steps = np.diff([frame.pts for frame in pictures])
        assert np.median(steps) == 3600
        assert (pictures[0].width, pictures[0].height) == (64, 64)
    for sound in sounds:
        assert pitch_hz(sound) == pytest.approx(220, abs=15)
    for one in (ann, ben):
        captions = [e for e in one.told("caption") if e["who"] == "visitor"]
        assert [(c["speaker"], c["text"][:7]) for c in captions] == [("Ben", "one two")]


async def test_they_hear_each_other_and_nobody_hears_themselves():
    host = FakeHost(size=64)
    async with (
        open_room(host) as room,
        guest(room, "Ben") as ben,
        guest(room, "Ann", Voice(loud_s=3.0)) as ann,
    ):
        heard = await _until_loud(ben, frames=50)
        await until(lambda: any(e["guests"] == ["Ann"] for e in ben.told("talking")))
        own = await ann.take("audio", 40)
        late = max(np.abs(frame.to_ndarray()).max() for frame in own)
        played = {seat.guest.name: seat.loudest_played for seat in host.companies[0].seats}
    assert played["Ben"] > 1000, "the avatar's ear knows what Ben's loudspeaker plays"
    assert played["Ann"] < 200
    assert pitch_hz(heard) == pytest.approx(300, abs=15)
    assert late < 200, "not a trace of their own voice"


async def test_names_and_seats_are_told():
    async with open_room(FakeHost(size=64)) as room, guest(room, " Ann\n") as ann:
        before = (await room.http.get("/api/rooms/tea")).json()
        async with guest(room, "ann") as second, guest(room, "") as third:
            await until(lambda: len(ann.others) == 3 and len(third.others) == 3)
            here = ann.told("guests")[-1]
            assert (await room.http.get("/api/rooms/tea")).json()["guests"] == ann.others
        await until(lambda: len(ann.others) == 1)
        assert second.told("guests")[0]["me"] == "ann 2"
    assert before == {"avatar": "vera", "guests": ["Ann"]}
    assert here["me"] == "Ann"
    seats = {one["name"]: one["place"] for one in here["guests"]}
    assert seats == {"Ann": 0.0, "ann 2": -1.0, "Guest": 1.0}
    assert [one["place"] for one in here["guests"]] == [-1.0, 0.0, 1.0], "from left to right"


async def test_the_avatar_looks_at_the_one_who_wrote():
    host = FakeHost(size=64)
    async with open_room(host) as room, guest(room, "Ann") as ann, guest(room, "Ben") as ben:
        await ann.send(type="say", text="here")
        await until(lambda: len(ben.said("avatar")) == 1)
        await ben.send(type="say", text="and here")
        await until(lambda: len(ann.said("avatar")) == 2)
    assert [look.yaw_deg for look in host.companies[0].looks] == [0.0, -14.0]


async def test_one_leaves_and_the_other_goes_on_and_the_last_ends_it():
    before = asyncio.all_tasks()
    host = FakeHost(size=64)
    async with open_room(host) as room:
        async with guest(room, "Ben") as ben:
            async with guest(room, "Ann") as ann:
                await ann.take("video", 5)
            await until(lambda: ben.others == ["Ben"])
            assert len(host.companies[0].seats) == 1
            await ben.take("video", 30)
            await ben.send(type="say", text="still here")
            await until(lambda: ben.said("avatar"))
        await until(lambda: host.companies[0].closed)
        assert (await room.http.get("/api/rooms/tea")).json() == {"avatar": None, "guests": []}
        await until(lambda: not _living(Visit, GuestLine, Gathering, CodecLine))
        async with guest(room, "Ann") as ann:
            await ann.take("video", 3)
        assert len(host.companies) == 2
    await until(lambda: asyncio.all_tasks() <= before)


async def test_leaving_by_http_ends_the_gathering_before_it_answers():
    host = FakeHost(size=64)
    async with open_room(host) as room, guest(room, "Ann") as ann:
        await ann.take("video", 2)
        assert (await room.http.delete(f"/api/visits/{ann.visit}")).status_code == 204
        assert host.companies[0].closed
        assert host.stats()["sessions"] == 0


async def test_everybody_shares_one_encoder_and_a_newcomer_begins_with_a_key_frame():
    async with open_room(FakeHost(size=64)) as room, guest(room, "Ann") as ann:
        await ann.take("video", 30)
        async with guest(room, "Ben") as ben:
            await ben.take("video", 10)
            (line,) = _living(CodecLine)
            assert line.encoder.rebuilds == 1
            await ann.take("video", 10)
            await until(lambda: ann.told("stats"))
    assert ann.told("stats")[-1]["values"]["pictures_dropped"] <= 2


async def test_different_codecs_have_one_encoder_each():
    async with (
        open_room(FakeHost(size=64), RoomConfig(video_codec="H264")) as room,
        guest(room, "Ann") as ann,
    ):
        one = Guest(room, name="Ben")
        sdp = await one.offer()
        answer = await room.http.post(
            "/api/offer", json={"sdp": sdp.replace("H264/90000", "X264/90000"), "room": "tea"}
        )
        await one.enter(answer)
        await asyncio.gather(ann.take("video", 5), one.take("video", 5))
        assert len(_living(CodecLine)) == 2
        await one.leave()


async def test_a_gathering_keeps_its_avatar_and_its_voice():
    host = FakeHost(places=2, size=64)
    async with open_room(host) as room, guest(room, "Ann"):
        async for _ in host.create_avatar("zoe", b"\xff\xd8"):
            pass
        other = Guest(room, name="Ben")
        assert (await other.join(avatar="zoe")).json()["avatar"]["name"] == "vera"
        refused = await room.http.post("/v1/speak", json={"show": "tea", "text": "not mine"})
        assert refused.status_code == 409
        async with playing(room.http, "/whep/tea") as player:
            await player.take("video", 3)
        await other.leave()


async def test_the_name_of_a_show_is_taken():
    async with open_room(FakeHost(size=64)) as room, playing(room.http, "/whep/stage"):
        one = Guest(room, name="Ann", gathering="stage")
        answer = await one.join()
        assert answer.status_code == 409
        assert "name of a show" in answer.json()["message"]
        await one.leave()


@pytest.mark.parametrize("name", ["No Name", "", "ä", "x" * 65, "a\n"])
async def test_a_bad_name_is_refused(name):
    host = FakeHost(size=64)
    async with open_room(host) as room:
        one = Guest(room, gathering=name)
        assert (await one.join()).status_code == 400
        assert not host.companies
        await one.leave()


async def test_a_bad_offer_takes_no_place():
    host = FakeHost(size=64)
    async with open_room(host) as room:
        answer = await room.http.post("/api/offer", json={"sdp": "v=0\r\n", "room": "tea"})
        assert answer.status_code == 400
        assert host.companies[0].closed


async def test_a_full_gathering_says_so_and_goes_on():
    host = FakeHost(size=64)
    async with open_room(host) as room, contextlib.AsyncExitStack() as stack:
        here = [await stack.enter_async_context(guest(room, "Ann")) for _ in range(4)]
        one_more = Guest(room, name="Eve")
        answer = await one_more.join()
        assert answer.status_code == 503
        await one_more.leave()
        await here[0].take("video", 3)
        assert len(host.companies) == 1


async def test_a_company_that_ends_sends_its_guests_home():
    host = FakeHost(size=64)
    async with open_room(host) as room, guest(room, "Ann") as ann, guest(room, "Ben") as ben:
        for one in (ann, ben):  # who still connects is told nothing
            await one.take("video", 1)
        await host.companies[0].aclose()
        await until(lambda: {ann.pc.connectionState, ben.pc.connectionState} == {"closed"})


async def test_figures_of_guests_are_counted_once():
    async with open_room(FakeHost(size=64)) as room, guest(room, "Ann") as ann, guest(room, "Ben") as ben:
        await asyncio.gather(ann.take("video", 10), ben.take("video", 10))
        await until(lambda: ann.told("stats"))
        shown = ann.told("stats")[-1]["values"]
        text = (await room.http.get("/metrics")).text
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert shown["tier"] == 0
    assert shown["packets"] > 0
    assert float(figures["visavis_gatherings"]) == 1
    assert float(figures["visavis_visits"]) == 2
    assert float(figures["visavis_packets_total"]) < 2 * shown["packets"] + 100


async def _until_loud(one: Visitor, frames: int = 30):
    """Return frames of sound from the first loud one on."""
    async with asyncio.timeout(20):
        while np.abs((await one.take("audio", 1))[0].to_ndarray()).max() < 1500:
            pass
    return await one.take("audio", frames)


def _living(*kinds: type) -> list:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, kinds)]
