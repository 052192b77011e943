"""The avatar socket and its client: a real room on fake stages, a real connection over the loopback."""

import asyncio
import io
import itertools
import json

import httpx
import numpy as np
import pytest
import visavis_client.wire
from PIL import Image
from visavis_client import Avatar, AvatarGoneError, AvatarRefusedError
from visavis_client.avatar import socket_address
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from models.motion.frame import MotionFrame
from models.picture import BoxPicture, Tier
from streaming.avatar.wire import ENCODINGS, HEADER, LATE, PRESENCES, VERSION
from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from tests.plugins.faces import running, watching
from tests.plugins.sounds import RATE_HZ, sounding_s, tone
from tests.streaming.rooms import until

BOX = BoxPicture(16).step(MotionFrame.rest(), 0, Tier.FULL)[0]
FADE_S = 0.008


def test_both_sides_mean_the_same_layout():
    client = visavis_client.wire
    assert (client.HEADER.format, client.VERSION, client.LATE) == (HEADER.format, VERSION, LATE)
    assert client.ENCODINGS == ENCODINGS
    assert tuple(presence.value for presence in PRESENCES) == client.PRESENCES


async def test_speech_comes_back_whole_with_its_pictures():
    speech = tone(0.5)
    async with running() as (url, _), watching(url, picture="rgb") as seen:
        seen.avatar.push_audio(speech, RATE_HZ)
        seen.avatar.end_segment()
        await seen.until_finished(1)
        await seen.frames_more(2)
    spoken = [frame for frame in seen.frames if frame.segment == 1]
    np.testing.assert_array_equal(
        np.frombuffer(b"".join(f.pcm for f in spoken), "<i2")[: len(speech)], speech
    )
    assert [b.index - a.index for a, b in itertools.pairwise(seen.frames)] == [1] * (len(seen.frames) - 1)
    assert {len(frame.picture) for frame in seen.frames} == {16 * 16 * 3}
    assert seen.started == [1]
    assert [(end.segment, end.played_s, end.interrupted) for end in seen.finished] == [(1, 0.5, False)]


async def test_segments_queue_and_each_ends_once_in_order():
    async with running() as (url, _), watching(url, picture="none") as seen:
        for rate_hz in (16_000, 24_000, 48_000):
            seen.avatar.push_audio(tone(0.12, rate_hz), rate_hz)
            seen.avatar.end_segment()
        await seen.until_finished(3)
    assert seen.started == [1, 2, 3]
    assert [(end.segment, end.interrupted) for end in seen.finished] == [(1, False), (2, False), (3, False)]
    assert [end.played_s for end in seen.finished] == pytest.approx([0.12] * 3, abs=0.001)


async def test_a_segment_without_sound_is_finished_too():
    async with running() as (url, _), watching(url, picture="none") as seen:
        seen.avatar.push_audio(b"", RATE_HZ)
        seen.avatar.end_segment()
        await seen.until_finished(1)
    assert (seen.started, seen.finished[0].played_s) == ([], 0.0)


async def test_clear_leaves_nothing_but_the_fade():
    async with running() as (url, _), watching(url, picture="none") as seen:
        seen.avatar.push_audio(tone(3), RATE_HZ)
        await seen.until_sounding()
        seen.avatar.clear()
        cleared_at = len(seen.frames)
        await seen.until_finished(1)
        await seen.frames_more(5)
    assert 0 < sounding_s(seen.sound(since=cleared_at)) <= FADE_S + 0.001
    assert seen.finished[0].interrupted
    assert seen.finished[0].played_s < 1


async def test_an_early_clear_finishes_everything_that_was_begun():
    async with running() as (url, _), watching(url, picture="none") as seen:
        for _ in range(3):
            seen.avatar.push_audio(tone(60), RATE_HZ)
            seen.avatar.end_segment()
        seen.avatar.clear()
        seen.avatar.push_audio(tone(0.1), RATE_HZ)
        seen.avatar.end_segment()
        await seen.until_finished(4)
        await seen.frames_more(5)
    assert [(end.segment, end.interrupted) for end in seen.finished] == [
        (1, True), (2, True), (3, True), (4, False),
    ]  # fmt: skip
    assert seen.started == [4]


async def test_more_speech_than_visavis_takes_waits_here():
    async with running() as (url, _), watching(url, picture="none") as seen:
        seen.avatar.push_audio(tone(150, 8000), 8000)
        assert seen.avatar.room_s() == 0.0
        await seen.frames_more(10)
        seen.avatar.clear()
        await seen.until_finished(1)
    assert [end.interrupted for end in seen.finished] == [True]


@pytest.mark.parametrize("encoding", ["jpeg", "rgb", "i420"])
async def test_pictures_come_as_asked(encoding):
    async with running() as (url, _), await Avatar.open(url, picture=encoding, quality=95) as avatar:
        frame = await anext(avatar)
    assert (frame.width, frame.height, avatar.width, avatar.height) == (16, 16, 16, 16)
    if encoding == "jpeg":
        assert np.abs(np.asarray(Image.open(io.BytesIO(frame.picture)), int) - BOX).mean() < 3
    elif encoding == "rgb":
        assert frame.picture == BOX.tobytes()
    else:
        assert len(frame.picture) == 16 * 16 * 3 // 2
        assert abs(frame.picture[0] - (16 + 160 * 219 / 255)) <= 1, "luma is BT.601, limited range"


async def test_a_picture_that_stays_is_not_sent_again():
    async with running() as (url, _), await Avatar.open(url, picture="none") as avatar:
        frame = await anext(avatar)
    assert (frame.picture, frame.width) == (None, 0)


async def test_presence_follows_attend_and_speech():
    async with running() as (url, _), watching(url, picture="none") as seen:
        seen.avatar.attend("listening")
        await until(lambda: seen.frames and seen.frames[-1].presence == "listening")
        seen.avatar.push_audio(tone(0.2), RATE_HZ)
        await seen.until_sounding()
        await until(lambda: any(frame.presence == "speaking" for frame in seen.frames))


async def test_a_slow_consumer_sees_the_present():
    async with running() as (url, _), await Avatar.open(url, picture="rgb") as avatar:
        first = await anext(avatar)
        await asyncio.sleep(0.1)
        assert (await anext(avatar)).index == first.index + 1, "a short pause loses nothing"


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        ({"avatar": "nobody"}, "no_avatar", "there are: vera"),
        ({"picture": "png"}, "bad_message", "picture"),
        ({"quality": 0}, "bad_message", "quality"),
    ],
)
async def test_refusals_say_why(wish, code, words):
    async with running() as (url, host):
        with pytest.raises(AvatarRefusedError, match=words) as refused:
            await Avatar.open(url, **wish)
        assert refused.value.code == code
        assert host.present == 0


async def test_odd_sides_make_no_i420():
    async with running(FakeHost(size=15)) as (url, host):
        with pytest.raises(AvatarRefusedError, match="even sides"):
            await Avatar.open(url, picture="i420")
        await until(lambda: host.present == 0)


async def test_places_run_out_and_come_back():
    async with running(FakeHost(places=1, size=16)) as (url, host):
        async with await Avatar.open(url):
            with pytest.raises(AvatarRefusedError, match="1 places are taken") as refused:
                await Avatar.open(url)
            assert refused.value.code == "full"
        await until(lambda: host.present == 0)
        async with await Avatar.open(url):
            assert host.present == 1


async def test_lent_avatars_are_counted_also_when_they_are_gone():
    async with running() as (url, host), httpx.AsyncClient(base_url=url, trust_env=False) as http:

        async def figures():
            lines = (await http.get("/metrics")).text.splitlines()
            return dict(line.split() for line in lines if line.count(" ") == 1)

        async with watching(url, picture="none") as seen:
            await seen.frames_more(3)
            during = await figures()
        await until(lambda: host.present == 0)
        after = await figures()
    assert (during["visavis_avatars"], after["visavis_avatars"]) == ("1", "0")
    assert after["visavis_avatars_opened_total"] == "1"
    assert int(after["visavis_packets_total"]) >= int(during["visavis_packets_total"]) >= 3


async def test_a_token_is_needed_where_one_is_set():
    async with running(config=RoomConfig(bearer_token="secret")) as (url, host):
        with pytest.raises(AvatarRefusedError, match="needs a token") as refused:
            await Avatar.open(url)
        assert refused.value.code == "token"
        async with await Avatar.open(f"{url}/#token=secret"):
            assert host.present == 1


async def test_pages_of_other_origins_are_refused():
    async with running() as (url, host):
        with pytest.raises(InvalidStatus) as refused:
            await connect(socket_address(url)[0], additional_headers={"Origin": "https://evil.example"})
        assert refused.value.response.status_code == 403
        assert host.present == 0


async def test_a_client_that_floods_and_never_reads_is_hung_up_on():
    async with running(FakeHost(size=512)) as (url, host):
        raw = await connect(socket_address(url)[0], max_queue=1)
        await raw.send('{"type": "open", "picture": "rgb"}')
        await raw.recv()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(_flood(raw), 20)
        await until(lambda: host.present == 0)
        await raw.close()


async def _flood(raw):
    while True:
        await raw.send("nonsense")


async def test_nobody_there_is_told():
    with pytest.raises(AvatarGoneError, match="no visavis answers"):
        await Avatar.open("http://127.0.0.1:9")


async def test_a_room_that_closes_is_told():
    async with running() as (url, _):
        avatar = await Avatar.open(url)
        await anext(avatar)
    with pytest.raises(AvatarGoneError, match="broke"):
        async for _ in avatar:
            pass
    await avatar.aclose()


async def test_what_is_not_understood_is_told_and_harms_nothing():
    async with running() as (url, _), connect(socket_address(url)[0]) as raw:
        await raw.send('{"type": "open", "picture": "none"}')
        assert json.loads(await raw.recv())["type"] == "opened"
        for wrong in ('{"type": "sing"}', b"\0\0", '{"type": "begin", "sample_rate_hz": 0}'):
            await raw.send(wrong)
        await raw.send('{"type": "begin", "sample_rate_hz": 16000}')
        await raw.send(b"\0")
        await raw.send('{"type": "end"}')
        told = []
        while not told or told[-1]["type"] != "finished":
            message = await raw.recv()
            if isinstance(message, str):
                told.append(json.loads(message))
    assert [event.get("code") for event in told] == ["bad_message"] * 4 + [None]
    assert "without a segment" in told[1]["message"]


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("http://127.0.0.1:8080/#token=key", ("ws://127.0.0.1:8080/v1/avatar", "key")),
        ("https://example.org/face/", ("wss://example.org/face/v1/avatar", None)),
    ],
)
def test_the_link_of_the_page_is_enough(link, address):
    assert socket_address(link) == address


def test_other_addresses_are_refused():
    with pytest.raises(ValueError, match="looks like"):
        socket_address("example.org")
