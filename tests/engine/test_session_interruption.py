import asyncio

import numpy as np
import pytest

from engine.packets import MEDIA_RATE_HZ
from engine.soften import Ease, fade_out, mix
from models.motion.frame import MotionFrame
from models.motion.stage import Presence, StillMotion
from models.picture import BoxPicture
from tests.engine.helpers import SIZE, heard, open_session, picture_cost, seconds, take

pytestmark = pytest.mark.virtual_time


def tone(length_s):
    time_s = np.arange(round(length_s * MEDIA_RATE_HZ)) / MEDIA_RATE_HZ
    return np.rint(12_000 * np.sin(2 * np.pi * 220 * time_s)).astype(np.int16)


class OpenMouth(StillMotion):
    """Opens the jaw while there is speech, and shuts it at once."""

    def step(self, chunk, state):
        frames, state = super().step(chunk, state)
        for frame in frames:
            frame.expression[24] = float(chunk.presence == Presence.SPEAKING)
        return frames, state


def opening(packet):
    return int((packet.picture[SIZE // 2 :, SIZE // 2, 0] == 20).sum())


@pytest.mark.parametrize("chunk_frames", [1, 4, 8])
@pytest.mark.parametrize("lead_frames", [1, 2, 4])
@pytest.mark.parametrize("pacing", ["live", "free"])
async def test_the_very_next_packet_fades_and_the_one_after_is_silent(chunk_frames, lead_frames, pacing):
    pcm = tone(2.0)
    async with open_session(chunk_frames=chunk_frames, lead_frames=lead_frames, pacing=pacing) as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        before = heard(await take(session, 12), 1)
        session.clear()
        fading, silent = await take(session, 2)
    np.testing.assert_array_equal(before, pcm[: len(before)])
    fade = round(0.008 * MEDIA_RATE_HZ)
    assert fading.segment == 0
    assert fading.pcm[:fade].any()
    assert not fading.pcm[fade:].any()
    assert not silent.pcm.any()
    steps = np.abs(np.diff(np.concatenate([before, fading.pcm]).astype(int)))
    assert steps.max() <= np.abs(np.diff(pcm.astype(int))).max()


async def test_prepared_frames_are_dropped_and_counted():
    async with open_session(lead_frames=2, chunk_frames=4) as session:
        session.push_audio(tone(2.0), MEDIA_RATE_HZ)
        await take(session, 12)
        await asyncio.sleep(0.03)
        session.clear()
        assert session.stats()["dropped_frames"] >= 5


@pytest.mark.parametrize("picture_s", [0.0, 0.015, 0.03])
async def test_the_mouth_is_shut_within_200_ms(picture_s):
    async with open_session(OpenMouth(), BoxPicture(SIZE), picture_cost(picture_s)) as session:
        session.push_audio(tone(2.0), MEDIA_RATE_HZ)
        assert opening((await take(session, 12))[-1]) == SIZE // 2
        session.clear()
        openings = [opening(packet) for packet in await take(session, 5)]
    assert openings == sorted(openings, reverse=True)
    assert openings[0] >= 4
    assert openings[-1] == 0


async def test_without_easing_the_mouth_shuts_at_once():
    async with open_session(OpenMouth(), BoxPicture(SIZE), ease_frames=0) as session:
        session.push_audio(tone(2.0), MEDIA_RATE_HZ)
        await take(session, 12)
        session.clear()
        assert opening(await anext(session)) == 0


@pytest.mark.parametrize("picture_s", [0.0, 0.02])
@pytest.mark.parametrize("lead", [1, 2, 3])
async def test_new_speech_starts_soon(lead, picture_s):
    """Sound comes right after the frames that were ready ahead, with its own picture."""
    for wait_s in (0.0, 0.013, 0.026, 0.039):
        cost = picture_cost(picture_s)
        async with open_session(OpenMouth(), BoxPicture(SIZE), cost, idle_lead_frames=lead) as session:
            await take(session, 10)
            await asyncio.sleep(wait_s)
            session.push_audio(tone(1.0), MEDIA_RATE_HZ)
            *_, before, last = await take(session, lead + 1)
            assert before.segment == 1 or last.segment == 1
            assert opening(last) == SIZE // 2
            assert not last.late


async def test_speech_pushed_right_after_a_clear_is_heard_over_the_fade():
    pcm = seconds(0.5, seed=7)
    async with open_session(fade_ms=8.0) as session:
        session.push_audio(tone(2.0), MEDIA_RATE_HZ)
        await take(session, 12)
        session.clear()
        session.push_audio(pcm, MEDIA_RATE_HZ)
        played = heard(await take(session, 10), 2)
    fade = round(0.008 * MEDIA_RATE_HZ)
    np.testing.assert_array_equal(played[fade:], pcm[fade : len(played)])


def test_a_fade_starts_full_and_ends_at_nothing():
    faded = fade_out(np.full(192, 10_000, np.int16))
    assert faded[0] > 9_900
    assert abs(int(faded[-1])) < 100
    assert (np.diff(faded.astype(int)) <= 0).all()
    assert len(fade_out(np.zeros(0, np.int16))) == 0


def test_mixing_clips():
    loud = np.full(4, 30_000, np.int16)
    np.testing.assert_array_equal(mix(loud, loud[:2]), [32767, 32767, 30_000, 30_000])


def test_easing_moves_on_a_straight_line():
    start, end = MotionFrame.rest(), MotionFrame.rest()
    end.expression[24] = 0.8
    assert Ease(start, 0.25).towards(end).expression[24] == pytest.approx(0.2)
    np.testing.assert_array_equal(Ease(start, 1.0).towards(end).vector(), end.vector())
