from itertools import groupby

import numpy as np
import pytest
import soxr

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from engine.session import InputFullError, SessionClosedError
from tests.engine.helpers import heard, noise, open_session, seconds, sound, take, take_until_quiet

pytestmark = pytest.mark.virtual_time
STEPS = [1, 7, 441, 960, 961, 5000]


def push(session, pcm, rate, step):
    for start in range(0, len(pcm), step):
        session.push_audio(pcm[start : start + step], rate)
    session.end_segment()


@pytest.mark.parametrize("length", [1, 959, 960, 961, 24_000])
@pytest.mark.parametrize("step", [5000, 441])
async def test_what_was_pushed_comes_out_sample_for_sample(length, step):
    pcm = noise(length)
    async with open_session() as session:
        push(session, pcm, MEDIA_RATE_HZ, step)
        played = heard(await take_until_quiet(session), 1)
    assert len(played) % MEDIA_SAMPLES_PER_FRAME == 0
    np.testing.assert_array_equal(played[:length], pcm)
    assert not played[length:].any()


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
async def test_any_rate_is_resampled_without_seams(rate):
    time_s = np.arange(rate + 137) / rate
    pcm = np.rint(12_000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    whole = soxr.resample(pcm.astype(np.float32), rate, MEDIA_RATE_HZ)
    for step in STEPS[2:]:
        async with open_session() as session:
            push(session, pcm, rate, step)
            played = heard(await take_until_quiet(session), 1)
        assert abs(len(whole) - len(np.trim_zeros(played, "b"))) < 4
        np.testing.assert_allclose(played[: len(whole)], whole, atol=1.01)


async def test_what_is_louder_than_loud_is_clipped_and_never_wraps():
    pcm = np.tile(np.array([32767] * 40 + [-32768] * 40, np.int16), 200)
    async with open_session() as session:
        push(session, pcm, 16_000, 5000)
        played = heard(await take_until_quiet(session), 1).astype(int)
    assert np.abs(np.diff(played)).max() < 65_536
    assert played.max() == 32767
    assert played.min() == -32768


async def test_utterances_follow_each_other():
    first, second = seconds(0.5, 1), seconds(0.3, 2)
    async with open_session() as session:
        push(session, first, MEDIA_RATE_HZ, 960)
        push(session, second, MEDIA_RATE_HZ, 960)
        packets = await take_until_quiet(session)
    np.testing.assert_array_equal(heard(packets, 1)[: len(first)], first)
    np.testing.assert_array_equal(heard(packets, 2)[: len(second)], second)
    assert [number for number, _ in groupby(packet.segment for packet in packets)] == [0, 1, 2, 0]


async def test_slow_sound_is_held_and_nothing_of_it_is_lost():
    pcm = seconds(1.0)
    async with open_session() as session:
        packets = []
        for start in range(0, len(pcm), 1200):
            session.push_audio(pcm[start : start + 1200], MEDIA_RATE_HZ)
            packets += await take(session, 3)
        session.end_segment()
        packets += await take_until_quiet(session)
        stats = session.stats()
    played = sound(packets)
    np.testing.assert_array_equal(played[played != 0], pcm)
    assert stats["starved_frames"] > 10


async def test_what_a_resampler_holds_back_is_heard_when_nothing_follows():
    pcm = noise(16_000)
    async with open_session() as session:
        session.push_audio(pcm, 16_000)
        packets = await take(session, 40)
    assert abs(len(np.trim_zeros(sound(packets))) - MEDIA_RATE_HZ) < 10


async def test_pts_follow_without_a_gap():
    async with open_session() as session:
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ)
        packets = await take(session, 50)
    assert [p.pts_samples for p in packets] == [i * MEDIA_SAMPLES_PER_FRAME for i in range(50)]
    assert {len(p.pcm) for p in packets} == {MEDIA_SAMPLES_PER_FRAME}


async def test_a_full_buffer_says_how_full_and_takes_nothing():
    async with open_session(input_limit_s=2.0) as session:
        session.push_audio(seconds(1.5), MEDIA_RATE_HZ)
        assert session.room_s() == pytest.approx(0.5)
        with pytest.raises(InputFullError, match=r"1\.5 s of speech wait already and the limit is 2\.0 s"):
            session.push_audio(seconds(0.6), MEDIA_RATE_HZ)
        assert session.room_s() == pytest.approx(0.5)
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ)
        assert session.room_s() == pytest.approx(0.0)
        await take(session, 27)
        assert session.room_s() > 0.9


async def test_room_comes_back_in_full():
    async with open_session(input_limit_s=2.0) as session:
        for _ in range(5):
            session.push_audio(noise(int(0.7 * 22_050)), 22_050)
            session.end_segment()
            await take_until_quiet(session)
            assert session.room_s() == 2.0


async def test_a_rate_cannot_change_within_an_utterance():
    async with open_session() as session:
        session.push_audio(noise(100), 16_000)
        with pytest.raises(ValueError, match="came at 16000 Hz and cannot go on at 24000 Hz"):
            session.push_audio(noise(100), 24_000)
        session.end_segment()
        session.push_audio(noise(100), 24_000)


@pytest.mark.parametrize("rate", [0, -16_000])
async def test_a_rate_is_positive(rate):
    async with open_session() as session:
        with pytest.raises(ValueError, match="not positive"):
            session.push_audio(noise(100), rate)


@pytest.mark.parametrize("pcm", [np.zeros((10, 2), np.int16), np.zeros(10, np.float32)])
async def test_speech_is_mono_and_16_bit(pcm, unchecked):
    async with open_session() as session:
        with pytest.raises(ValueError, match="mono int16"):
            session.push_audio(pcm, MEDIA_RATE_HZ)
        assert session.stats()["segments_waiting"] == 0


async def test_a_closed_session_takes_nothing():
    session = open_session()
    await session.aclose()
    for act in (lambda: session.push_audio(noise(10), 16_000), session.end_segment, session.clear):
        with pytest.raises(SessionClosedError):
            act()


async def test_later_changes_of_a_pushed_array_are_not_heard():
    pcm = seconds(0.2)
    before = pcm.copy()
    async with open_session() as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        session.end_segment()
        pcm[:] = 0
        np.testing.assert_array_equal(heard(await take_until_quiet(session), 1), before)
