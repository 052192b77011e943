import asyncio
from functools import partial

import numpy as np
import pytest

from engine.packets import MEDIA_RATE_HZ
from models.motion.diffusion.stage import DiffusionMotion, Sampling
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Phone, Presence, StillMotion
from models.picture import BoxPicture, Tier
from tests.engine.helpers import (
    CountingPicture,
    RecordingMotion,
    number_of,
    open_session,
    picture_cost,
    seconds,
    take,
    take_until_quiet,
)

pytestmark = pytest.mark.virtual_time


async def asked(length_s=1.0, phones=None, **config):
    """Say something and return the chunks that the motion stage was asked for."""
    motion = RecordingMotion()
    async with open_session(motion, **config) as session:
        session.push_audio(seconds(length_s), MEDIA_RATE_HZ, phones)
        session.end_segment()
        await take_until_quiet(session)
    return motion.spoken()


@pytest.mark.parametrize("chunk_frames", [1, 2, 3, 5, 8])
async def test_chunks_are_as_long_as_configured_and_the_first_is_short(chunk_frames):
    lengths = [chunk.frames for chunk in await asked(1.2, chunk_frames=chunk_frames)]
    assert lengths[0] == 1
    assert sum(lengths) == 30
    assert max(lengths) == chunk_frames
    assert np.median(lengths) == chunk_frames


@pytest.mark.parametrize("chunk_frames", [1, 3, 8])
async def test_time_within_the_utterance_counts_on(chunk_frames):
    chunks = await asked(1.0, chunk_frames=chunk_frames)
    begins = np.cumsum([0] + [chunk.frames for chunk in chunks])[:-1] * 0.04
    np.testing.assert_allclose([chunk.segment_s for chunk in chunks], begins, atol=1e-9)
    assert {chunk.segment for chunk in chunks} == {1}


@pytest.mark.parametrize("chunk_frames", [1, 4])
async def test_what_follows_is_known_ahead(chunk_frames):
    chunks = await asked(1.0, chunk_frames=chunk_frames, lookahead_ms=200)
    whole = np.concatenate([chunk.pcm for chunk in chunks])
    at = 0
    for chunk in chunks:
        at += len(chunk.pcm)
        expected = whole[at : at + SPEECH_RATE_HZ // 5]
        np.testing.assert_array_equal(chunk.ahead, expected)


async def test_nothing_is_known_ahead_of_a_live_microphone():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        pcm = seconds(1.0)
        for start in range(0, len(pcm), 960):
            session.push_audio(pcm[start : start + 960], MEDIA_RATE_HZ)
            await anext(session)
    assert max(len(chunk.ahead) for chunk in motion.spoken()) <= SAMPLES_PER_FRAME


async def test_phones_are_passed_on_as_they_become_known():
    first, second = Phone("AA", 0.0, 0.5, 1), Phone("B", 0.5, 1.0)
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ, [first])
        await take(session, 8)
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ, [second])
        session.end_segment()
        session.push_audio(seconds(0.2), MEDIA_RATE_HZ)
        session.end_segment()
        await take_until_quiet(session)
    spoken = motion.spoken()
    assert spoken[0].phones == (first,)
    assert [c for c in spoken if c.segment == 1][-1].phones == (first, second)
    assert {chunk.phones for chunk in spoken if chunk.segment == 2} == {None}


async def test_presence_follows_attention_and_speech():
    motion = RecordingMotion()
    async with open_session(motion, idle_lead_frames=1) as session:
        seen = []
        for presence in (Presence.IDLE, Presence.LISTENING, Presence.THINKING):
            session.attend(presence)
            seen += [packet.presence for packet in await take(session, 4)][1:]
        session.push_audio(seconds(0.4), MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take_until_quiet(session)
    assert seen == [Presence.IDLE] * 3 + [Presence.LISTENING] * 3 + [Presence.THINKING] * 3
    assert {packet.presence for packet in packets if packet.segment} == {Presence.SPEAKING}
    assert packets[-1].presence == Presence.THINKING
    assert {chunk.presence for chunk in motion.spoken()} == {Presence.SPEAKING}


async def test_speaking_is_no_way_to_attend():
    async with open_session() as session:
        with pytest.raises(ValueError, match="IDLE, LISTENING or THINKING"):
            session.attend(Presence.SPEAKING)


async def test_the_last_frame_is_filled_with_silence():
    chunks = await asked(0.1)
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    assert len(pcm) == 3 * SAMPLES_PER_FRAME
    assert not pcm[-100:].any()


@pytest.mark.parametrize(
    "stage", [StillMotion, partial(DiffusionMotion, sampling=Sampling(lookahead_frames=0))]
)
async def test_chunk_sizes_make_the_same_frames(stage, unchecked):
    """With all phones and no lookahead at the borders' mercy, chunking changes nothing that is seen."""
    phones = [Phone(symbol, 0.2 * i, 0.2 * (i + 1)) for i, symbol in enumerate(["M", "AA", "B", "IY", "SIL"])]
    shown = []
    for chunk_frames in (1, 3, 8):
        async with open_session(
            stage(), BoxPicture(64), pacing="free", chunk_frames=chunk_frames, lookahead_ms=0
        ) as session:
            session.push_audio(seconds(1.0), MEDIA_RATE_HZ, phones)
            session.end_segment()
            shown.append([packet.picture for packet in await take(session, 40)])
    np.testing.assert_array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown[0], shown[2])


async def test_live_and_free_show_the_same():
    shown = []
    for pacing in ("live", "free"):
        async with open_session(StillMotion(), BoxPicture(64), pacing=pacing) as session:
            session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
            session.end_segment()
            shown.append([packet.picture for packet in await take(session, 40)])
    np.testing.assert_array_equal(shown[0], shown[1])


async def test_the_picture_stage_knows_two_tiers_only():
    picture = CountingPicture()
    async with open_session(picture=picture, compute=picture_cost(0.06)) as session:
        await take(session, 300)
    assert set(picture.tiers) == {Tier.FULL, Tier.WARP}


class Failing:
    """Makes a stage raise at every third step."""

    calls = 0

    def step(self, *args):
        self.calls += 1
        if self.calls % 3 == 0:
            raise ArithmeticError("no such luck")
        return super().step(*args)


class FailingMotion(Failing, StillMotion):
    pass


class FailingPicture(Failing, CountingPicture):
    pass


class NoPicture(BoxPicture):
    def step(self, motion, state, tier):
        raise ArithmeticError("never")


async def test_a_failing_picture_stage_stops_no_sound(caplog):
    async with open_session(picture=FailingPicture()) as session:
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take_until_quiet(session)
        stats = session.stats()
    assert sum(bool(packet.segment) for packet in packets) == 25
    assert stats["picture_errors"] >= 8
    assert stats["late_frames"] == pytest.approx(stats["picture_errors"], abs=1)
    assert len({number_of(packet) for packet in packets}) > 15
    assert "no such luck" in caplog.text


async def test_a_failing_motion_stage_stops_no_sound(caplog):
    async with open_session(FailingMotion()) as session:
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take_until_quiet(session)
        assert session.stats()["motion_errors"] >= 3
    assert sum(bool(packet.segment) for packet in packets) == 25
    assert "no such luck" in caplog.text


@pytest.mark.parametrize("stages", [{"motion": FailingMotion()}, {"picture": FailingPicture()}])
async def test_offline_a_failing_stage_is_an_error(stages):
    async with open_session(pacing="free", **stages) as session:
        with pytest.raises(ArithmeticError, match="no such luck"):
            await take(session, 20)


async def test_a_stage_that_never_made_a_picture_is_an_error():
    async with open_session(picture=NoPicture()) as session:
        with pytest.raises(ArithmeticError, match="never"):
            await anext(session)


async def test_closing_leaves_no_task_behind():
    before = asyncio.all_tasks()
    session = open_session()
    await take(session, 5)
    await session.aclose()
    assert asyncio.all_tasks() == before


async def test_stats_name_their_units():
    async with open_session() as session:
        await take(session, 5)
        stats = session.stats()
    assert stats["packets"] == 5
    assert all(isinstance(value, float) for value in stats.values())
    assert {"motion_p50_ms", "motion_p95_ms", "picture_p50_ms", "picture_p95_ms", "tier", "media_s"} <= set(
        stats
    )
    assert stats["frame_cost_ms"] > 0
