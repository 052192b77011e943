"""Tracks: latest wins for pictures, order and a bound for sound, and the session's own time."""

import asyncio

import numpy as np
import pytest

from streaming.clock import OPUS_SAMPLES, VisitClock
from streaming.tracks import REFRESH_FRAMES, PictureTrack, SoundTrack, TimedPicture


def _picture(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


def test_both_streams_count_from_the_first_packet():
    clock = VisitClock(origin_samples=960 * 7)
    assert clock.picture_pts(960 * 7) == clock.sound_pts(960 * 7) == 0
    assert clock.picture_pts(960 * 8) == 3600
    assert clock.sound_pts(960 * 8) == 960
    assert clock.picture_pts(960 * 90_007) == 3600 * 90_000


async def test_the_newest_picture_wins_and_the_loss_is_counted():
    track = PictureTrack()
    for number in range(3):
        track.push(TimedPicture(_picture(number), 3600 * number))
    frame = await track.recv()
    assert frame.pts == 7200
    assert frame.to_ndarray(format="rgb24")[0, 0, 0] == 2
    assert (track.sent, track.dropped) == (1, 2)


async def test_a_picture_that_stays_is_sent_once_a_second():
    track, still = PictureTrack(), _picture(5)
    sent = []
    for number in range(3 * REFRESH_FRAMES + 3):
        track.push(TimedPicture(still, 3600 * number))
        if track._filled.is_set():
            sent.append((await track.recv()).pts // 3600)
    assert sent == [0, 26, 52]
    assert track.repeated == 75
    assert track.dropped == 0


async def test_a_waiting_sender_gets_the_next_picture():
    track = PictureTrack()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.push(TimedPicture(_picture(1), 0))
    assert (await waiting).pts == 0


async def test_sound_comes_in_order_as_20_ms_frames():
    track = SoundTrack(buffer_ms=200)
    pcm = np.arange(4 * OPUS_SAMPLES, dtype=np.int16)
    track.push(pcm[: 2 * OPUS_SAMPLES], 0)
    track.push(pcm[2 * OPUS_SAMPLES :], 2 * OPUS_SAMPLES)
    assert track.depth_ms == 80
    frames = [await track.recv() for _ in range(4)]
    assert [frame.pts for frame in frames] == [0, 480, 960, 1440]
    np.testing.assert_array_equal(np.concatenate([f.to_ndarray()[0] for f in frames]), pcm)


@pytest.mark.virtual_time
@pytest.mark.parametrize("wait_s", [0.0, 0.02])
async def test_sound_leaves_every_20_ms_though_it_comes_40_ms_at_once(wait_s):
    track, loop, left_s = SoundTrack(buffer_ms=200), asyncio.get_running_loop(), []

    async def send() -> None:
        while True:
            await track.recv()
            left_s.append(loop.time())

    begin_s, sending = loop.time(), asyncio.create_task(send())
    for number in range(5):
        track.push(np.zeros(2 * OPUS_SAMPLES, np.int16), 2 * OPUS_SAMPLES * number, wait_s)
        await asyncio.sleep(0.04)
    await asyncio.sleep(0.04)
    sending.cancel()
    np.testing.assert_allclose(np.array(left_s) - begin_s, wait_s + 0.02 * np.arange(10), atol=1e-3)


@pytest.mark.virtual_time
async def test_a_late_sender_catches_up_with_sound():
    track, loop = SoundTrack(buffer_ms=200), asyncio.get_running_loop()
    track.push(np.zeros(4 * OPUS_SAMPLES, np.int16), 0)
    await asyncio.sleep(0.1)
    begin_s = loop.time()
    for _ in range(4):
        await track.recv()
    assert loop.time() == pytest.approx(begin_s, abs=1e-3)


async def test_sound_that_finds_no_place_drops_the_oldest():
    track = SoundTrack(buffer_ms=40)
    track.push(np.zeros(4 * OPUS_SAMPLES, np.int16), 0)
    assert track.dropped == 2
    assert (await track.recv()).pts == 2 * OPUS_SAMPLES


def test_sound_that_fills_no_frame_is_refused():
    with pytest.raises(ValueError, match="multiples of 480"):
        SoundTrack(buffer_ms=200).push(np.zeros(100, np.int16), 0)
