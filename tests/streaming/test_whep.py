"""WHEP: any player out. A second, real aiortc client plays; leaving frees everything."""

import asyncio
import gc

import numpy as np
import pytest

from streaming.config import IceServer, RoomConfig
from streaming.fakes import FakeHost
from streaming.show import Show
from streaming.viewer import Viewer
from tests.streaming.players import SDP, Player, loudness, mouth_pixels, playing
from tests.streaming.rooms import open_room, until

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def test_pictures_and_sound_arrive():
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        pictures, sounds = await asyncio.gather(player.take("video", 30), player.take("audio", 60))
    steps = np.diff([frame.pts for frame in pictures])
    assert all(step % 3600 == 0 and step > 0 for step in steps), "only whole frames may be skipped"
    assert np.median(steps) == 3600
    assert set(np.diff([frame.pts for frame in sounds])) == {960}
    assert (pictures[0].width, pictures[0].height) == (64, 64)


async def test_lips_and_sound_begin_together_at_the_receiver():
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        await player.take("video", 1)
        await room.http.post("/v1/speak", json={"show": "stage", "text": "one two three"})
        pictures, sounds = await asyncio.gather(player.take("video", 60), player.take("audio", 130))
    lips = next(frame for frame in pictures if mouth_pixels(frame) > 50)
    sound = next(frame for frame in sounds if loudness(frame) > 1000)
    assert abs(lips.pts * lips.time_base - sound.pts * sound.time_base) <= 0.045


async def test_an_offer_with_the_picture_first_is_answered_too():
    async with open_room(FakeHost(size=64)) as room:
        player = Player(room.http, kinds=("video", "audio"))
        assert (await player.play("/whep/stage")).status_code == 201
        await player.take("video", 3)
        await player.take("audio", 3)
        await player.stop()
        await player.pc.close()


async def test_delete_frees_everything():
    before = asyncio.all_tasks()
    host = FakeHost(size=64)
    async with open_room(host) as room:
        async with playing(room.http) as player:
            await player.take("video", 2)
            assert host.stats()["sessions"] == 1
            assert (await player.stop()).status_code == 200
            assert host.performers[0].closed
            assert host.stats()["sessions"] == 0
            assert (await player.stop()).status_code == 404
        await until(lambda: not _alive(Viewer) + _alive(Show))
    await until(lambda: asyncio.all_tasks() <= before)


async def test_several_players_watch_one_avatar():
    host = FakeHost(places=1, size=64)
    async with (
        open_room(host) as room,
        playing(room.http) as one,
        playing(room.http) as two,
        playing(room.http) as three,
    ):
        for player in (one, two, three):
            await player.take("video", 5)
        await one.stop()
        await two.stop()
        assert not host.performers[0].closed, "somebody still watches"
        await three.take("video", 5)
        await three.stop()
        assert len(host.performers) == 1
        assert host.performers[0].closed


async def test_a_player_that_vanishes_is_noticed():
    host = FakeHost(size=64)
    async with open_room(host) as room:
        async with playing(room.http) as player:
            await player.take("video", 1)
        await until(lambda: host.performers[0].closed)


async def test_a_player_that_never_connects_is_given_up():
    host = FakeHost(size=64)
    async with open_room(host, RoomConfig(connect_timeout_s=0.2)) as room:
        player = Player(room.http)
        answer = await room.http.post("/whep/stage", content=await player.offer(), headers=SDP)
        assert answer.status_code == 201
        await until(lambda: host.performers[0].closed)
        await player.pc.close()


async def test_the_answer_has_what_the_protocol_demands():
    turn = IceServer(urls=("turn:turn.example.org:3478?transport=udp",), username='a"b', credential="c")
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        answer = player.answer
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"].startswith("/whep/stage/")
    assert answer.headers["etag"].startswith('"')
    assert "a=sendonly" in answer.text
    assert "a=sendrecv" not in answer.text
    async with open_room(FakeHost(size=64), RoomConfig(ice_servers=(turn,))) as room:
        options = await room.http.options("/whep/stage")
    assert options.status_code == 200
    assert options.headers["accept-post"] == "application/sdp"
    assert options.headers["link"] == (
        '<turn:turn.example.org:3478?transport=udp>; rel="ice-server"; username="a\\"b"; credential="c"; '
        'credential-type="password"'
    )


async def test_candidates_may_come_later():
    async with open_room(FakeHost(size=64)) as room:
        player = Player(room.http)
        whole = await player.offer()
        bare = "".join(line for line in whole.splitlines(True) if "candidate" not in line)
        player.answer = await room.http.post("/whep/stage", content=bare, headers=SDP)
        found = [line for line in whole.splitlines() if line.startswith(("a=ice-ufrag", "a=candidate"))]
        answer = await room.http.patch(
            player.answer.headers["location"],
            content="\r\n".join(["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", *found, "a=end-of-candidates"]),
            headers=FRAGMENT | {"If-Match": player.answer.headers["etag"]},
        )
        assert answer.status_code == 204
        (viewer,) = [thing for thing in gc.get_objects() if isinstance(thing, Viewer)]
        transport = viewer.peer._pc.getTransceivers()[0].receiver.transport.transport
        assert transport.getRemoteCandidates(), "the room knows where the player is"
        await player.stop()
        await player.pc.close()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, "a=ice-ufrag:x", 415),
        ({}, "a=ice-ufrag:x", 428),
        ({"If-Match": '"other"'}, "a=ice-ufrag:x", 412),
        ({"If-Match": '"other", "another"'}, "UFRAG", 412),
        ({"If-Match": "*"}, "a=ice-ufrag:x\r\na=ice-pwd:y", 422),
        ({"If-Match": "ETAG"}, "a=ice-ufrag:other\r\na=ice-pwd:y", 422),
        ({"If-Match": "ETAG"}, "nonsense", 400),
        ({"If-Match": "ETAG"}, "UFRAG\r\na=candidate:nonsense", 400),
    ],
)
async def test_what_a_patch_may_not_ask_for(headers, body, status):
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        (ufrag,) = {x for x in player.pc.localDescription.sdp.splitlines() if x.startswith("a=ice-ufrag")}
        sent = {k: v.replace("ETAG", player.answer.headers["etag"]) for k, v in headers.items()}
        answer = await room.http.patch(
            player.answer.headers["location"],
            content=body.replace("UFRAG", ufrag),
            headers=FRAGMENT | sent,
        )
        assert answer.status_code == status, answer.text
        await player.take("video", 1)


@pytest.mark.parametrize("if_match", ["*", '"other", ETAG'])
async def test_any_match_of_the_session_is_enough(if_match):
    """RFC 9110 section 13.1.1: one of a list, or `*`; only new credentials make a restart."""
    async with open_room(FakeHost(size=64)) as room, playing(room.http) as player:
        (ufrag,) = {x for x in player.pc.localDescription.sdp.splitlines() if x.startswith("a=ice-ufrag")}
        answer = await room.http.patch(
            player.answer.headers["location"],
            content=ufrag,
            headers=FRAGMENT | {"If-Match": if_match.replace("ETAG", player.answer.headers["etag"])},
        )
    assert answer.status_code == 204
    assert "etag" not in answer.headers


async def test_half_of_an_offer_is_not_answered():
    """RFC 9725 section 4.4.3: no session that lacks what its client asked for."""
    host = FakeHost(size=64)
    async with open_room(host) as room:
        deaf = Player(room.http)
        offer = (await deaf.offer()).replace("a=recvonly", "a=sendonly", 1)
        assert (await room.http.post("/whep/stage", content=offer, headers=SDP)).status_code == 422
        await deaf.pc.close()
        mute = Player(room.http, kinds=("video",))
        assert (await mute.play("/whep/stage")).status_code == 422
        await mute.pc.close()
        strange = Player(room.http)
        offer = (await strange.offer()).replace("opus/48000", "speex/48000")
        assert (await room.http.post("/whep/stage", content=offer, headers=SDP)).status_code == 422
        await strange.pc.close()
        assert all(performer.closed for performer in host.performers)


async def test_a_player_on_a_page_elsewhere_asks_first_and_may_read_the_answer():
    config = RoomConfig(allowed_origins=("https://example.org",), bearer_token="secret")
    page, asks = {"Origin": "https://example.org"}, {"Access-Control-Request-Method": "POST"}
    async with open_room(FakeHost(size=64), config) as room:
        allowed = await room.http.options("/whep/stage", headers=page | asks)
        later = await room.http.options("/whep/stage/key", headers=page | asks)
        foreign = await room.http.options("/whep/stage", headers=asks | {"Origin": "https://example.com"})
        player = Player(room.http)
        answer = await player.play("/whep/stage", Authorization="Bearer secret", **page)
        await player.pc.close()
    for preflight in (allowed, later):
        assert preflight.status_code == 200
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert (foreign.status_code, "access-control-allow-origin" in foreign.headers) == (400, False)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert "location" in answer.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(method):
    async with open_room(FakeHost(size=64)) as room:
        answer = await room.http.request(method, "/whep/stage")
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/whep/stage", {"Content-Type": "text/plain"}, "v=0", 415),
        ("/whep/stage", SDP, "v=0\r\n", 422),
        ("/whep/stage", SDP, "x" * 200_000, 413),
        ("/whep/stage?avatar=nobody", SDP, "v=0\r\n", 404),
        ("/whep/No%20Name", SDP, "v=0\r\n", 404),
    ],
)
async def test_bad_offers_are_refused_and_take_no_place(path, headers, body, status):
    host = FakeHost(size=64)
    async with open_room(host) as room:
        answer = await room.http.post(path, content=body, headers=headers)
        assert answer.status_code == status
        assert answer.json()["message"]
        assert all(performer.closed for performer in host.performers)


async def test_a_full_machine_says_so():
    async with open_room(FakeHost(places=1, size=64)) as room, playing(room.http):
        player = Player(room.http)
        answer = await player.play("/whep/another")
        await player.pc.close()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"


async def test_a_token_is_needed_where_one_is_set():
    async with open_room(FakeHost(size=64), RoomConfig(bearer_token="secret")) as room:
        without, with_one = Player(room.http), Player(room.http)
        assert (await without.play("/whep/stage")).status_code == 401
        assert (await with_one.play("/whep/stage", Authorization="Bearer secret")).status_code == 201
        for player in (without, with_one):
            await player.pc.close()


async def test_closing_the_room_ends_the_show():
    host = FakeHost(size=64)
    async with open_room(host) as room:
        player = Player(room.http)
        await player.play("/whep/stage")
        await player.take("video", 1)
    assert host.performers[0].closed
    await player.pc.close()


async def test_a_show_that_fails_sends_its_players_home():
    host = FakeHost(size=64)
    async with open_room(host) as room, playing(room.http) as player:
        await player.take("video", 1)
        await host.performers[0].aclose()
        await until(lambda: player.pc.connectionState == "closed")


def _alive(kind: type) -> int:
    gc.collect()
    return sum(isinstance(thing, kind) for thing in gc.get_objects())
