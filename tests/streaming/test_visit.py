"""Visits over real WebRTC on the loopback: media, events, microphone, leaving."""

import asyncio
import gc

import numpy as np
import pytest

from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from streaming.negotiation import strip_hidden_candidates
from streaming.visit import Visit
from tests.streaming.rooms import Visitor, Voice, open_room, until, visiting


async def test_pictures_move_on_a_25_fps_clock():
    async with open_room(FakeHost(size=128)) as room, visiting(room) as visitor:
        frames = await visitor.take("video", 12)
    steps = np.diff([frame.pts for frame in frames])
    assert all(step % 3600 == 0 and step > 0 for step in steps), "only whole frames may be skipped"
    assert np.median(steps) == 3600
    pictures = [frame.to_ndarray(format="gray").astype(float) for frame in frames]
    assert np.abs(pictures[-1] - pictures[0]).max() > 20


async def test_sound_is_continuous_48_khz_and_heard_when_the_partner_speaks():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        await visitor.send(type="say", text="one two three four")
        frames = await visitor.take("audio", 90)
    assert {frame.sample_rate for frame in frames} == {48_000}
    assert set(np.diff([frame.pts for frame in frames])) == {960}
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames]).astype(float)
    assert abs(_pitch_hz(sound) - 220) < 5


async def test_picture_and_sound_begin_at_the_same_moment():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        (picture,), (sound,) = await visitor.take("video", 1), await visitor.take("audio", 1)
    assert picture.time_base * picture.pts < 0.2
    assert sound.time_base * sound.pts < 0.2


async def test_typed_words_are_captioned_and_answered():
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        await visitor.send(type="say", text="good morning")
        await until(lambda: visitor.said("avatar"))
        await until(lambda: any("webrtc_first" in e.get("stages_ms", {}) for e in visitor.events))
        states = [event["state"] for event in visitor.events if event["kind"] == "state"]
        latencies = [event["stages_ms"] for event in visitor.events if event["kind"] == "latency"]
    assert visitor.said("visitor") == ["good morning"]
    assert visitor.said("avatar") == ["You said: good morning"]
    assert states[-3:-1] == ["thinking", "speaking"] or states[-2:] == ["thinking", "speaking"]
    assert latencies[0]["audible"] == 240
    assert 240 <= latencies[-1]["webrtc_first"] < 1240, "told once the sender has taken the first sound"


async def test_the_microphone_is_heard():
    async with open_room(FakeHost(size=64)) as room, visiting(room, Voice(loud_s=1.0)) as visitor:
        await until(lambda: visitor.said("avatar"))
        heard = visitor.said("visitor")[0]
    seconds = float(heard.split()[0].strip("("))
    assert seconds == pytest.approx(1.0, abs=0.25)


async def test_push_to_talk_ends_the_turn_at_release():
    host = FakeHost(size=64)
    async with open_room(host) as room, visiting(room, Voice(loud_s=60)) as visitor:
        await visitor.send(type="hold")
        await until(lambda: host.partners[0].stats()["microphone_s"] > 0.5)
        assert not visitor.said("visitor"), "nobody answers while the key is down"
        await visitor.send(type="release")
        await until(lambda: visitor.said("visitor"))


async def test_stats_and_pongs_arrive():
    async with (
        open_room(FakeHost(size=64), RoomConfig(stats_interval_s=0.1)) as room,
        visiting(room) as visitor,
    ):
        await visitor.send(type="ping", sent_ms=12.5, av_offset_ms=-31.0)
        await until(lambda: {"pong", "stats"} <= {event["kind"] for event in visitor.events})
        stats = next(event["values"] for event in visitor.events if event["kind"] == "stats")
        await until(
            lambda: 31 in [e["values"]["av_offset_ms"] for e in visitor.events if e["kind"] == "stats"]
        )
    assert {"kind": "pong", "sent_ms": 12.5} in visitor.events
    assert {"pictures_dropped", "sound_dropped_ms", "tier", "video_target_kbps"} <= set(stats)


@pytest.mark.parametrize(
    "raw", ["", "{}", "nonsense", '{"type": "shout"}', '{"type": "say", "text": ""}', b"\x00"]
)
async def test_bad_messages_are_answered_and_counted(raw):
    async with open_room(FakeHost(size=64)) as room, visiting(room) as visitor:
        await until(lambda: visitor.channel.readyState == "open")
        visitor.channel.send(raw)
        await until(lambda: any(event["kind"] == "notice" for event in visitor.events))
        await visitor.send(type="say", text="still here")
        await until(lambda: visitor.said("visitor") == ["still here"])


async def test_too_long_a_turn_is_refused_with_the_limit():
    async with open_room(FakeHost(size=64), RoomConfig(text_max_chars=5)) as room, visiting(room) as visitor:
        await visitor.send(type="say", text="far too long")
        await until(lambda: any("at most 5" in event.get("text", "") for event in visitor.events))
    assert visitor.said("visitor") == []


async def test_hanging_up_frees_the_place():
    host = FakeHost(places=1, size=64)
    async with open_room(host) as room:
        async with visiting(room) as visitor:
            await visitor.take("video", 1)
        await until(lambda: host.partners[0].closed)
        async with visiting(room) as visitor:
            await visitor.take("video", 1)


async def test_leaving_by_the_api_frees_the_place_at_once_and_may_be_said_twice():
    host = FakeHost(size=64)
    async with open_room(host) as room, visiting(room) as visitor:
        await visitor.take("video", 1)
        assert (await room.http.delete(f"/api/visits/{visitor.visit}")).status_code == 204
        assert host.partners[0].closed
        assert (await room.http.delete(f"/api/visits/{visitor.visit}")).status_code == 204
        assert (await room.http.get("/api/health")).json() == {
            "status": "ok",
            "visits": 0,
            "visits_opened": 1,
        }


async def test_a_visitor_who_never_connects_is_given_up():
    host = FakeHost(size=64)
    async with open_room(host, RoomConfig(connect_timeout_s=0.2)) as room:
        visitor = Visitor(room)
        answer = await room.http.post("/api/offer", json={"sdp": await visitor.offer()})
        assert answer.status_code == 201
        await until(lambda: host.partners[0].closed)
        await visitor.leave()


async def test_a_partner_that_fails_ends_the_visit():
    host = FakeHost(size=64)
    async with open_room(host) as room, visiting(room) as visitor:
        await visitor.take("video", 1)
        await host.partners[0].aclose()
        await until(lambda: visitor.pc.connectionState == "closed")
        assert (await room.http.get("/api/health")).json()["visits"] == 0


async def test_nothing_is_left_of_a_visit():
    before = len(asyncio.all_tasks())
    host = FakeHost(size=64)
    async with open_room(host) as room:
        for _ in range(3):
            async with visiting(room) as visitor:
                await visitor.take("video", 2)
        await until(lambda: all(partner.closed for partner in host.partners))
        await until(lambda: _alive(Visit) == 0)
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) == before


async def test_closing_the_room_ends_its_visits():
    host = FakeHost(size=64)
    async with open_room(host) as room:
        visitor = Visitor(room)
        await visitor.join()
        await visitor.take("video", 1)
    assert host.partners[0].closed
    await visitor.leave()


def test_hidden_candidates_are_left_out():
    hidden = "a=candidate:1 1 udp 2113937151 0c1f.local 50000 typ host\r\n"
    plain = "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\n"
    assert strip_hidden_candidates(f"v=0\r\n{hidden}{plain}") == f"v=0\r\n{plain}"


def _pitch_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / 48_000)[spectrum.argmax()])


def _alive(kind: type) -> int:
    gc.collect()
    return sum(isinstance(thing, kind) for thing in gc.get_objects())
