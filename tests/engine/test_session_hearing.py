"""While it listens, a session's motion hears the other's voice; the sound that goes out never does."""

import asyncio

import numpy as np
import pytest

from engine.ear import KEPT_SAMPLES, Ear
from engine.packets import MEDIA_RATE_HZ
from engine.session import SessionClosedError
from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import EXPRESSION_INDEX
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Presence, SpeechChunk, StillMotion
from tests.engine.helpers import RecordingMotion, noise, open_session, seconds, sound, take

MIC = SPEECH_RATE_HZ // 50
"""20 ms of microphone, as a browser sends it."""


async def consume(session, packets):
    async for packet in session:
        packets.append(packet)


async def talk(session, pcm, rate=SPEECH_RATE_HZ):
    """Speak into the session in real time."""
    for start in range(0, len(pcm), rate // 50):
        session.hear(pcm[start : start + rate // 50], rate)
        await asyncio.sleep(0.02)


def heard(motion):
    return np.concatenate([c.pcm for c in motion.chunks if c.presence == Presence.LISTENING])


@pytest.mark.virtual_time
async def test_a_listener_hears_the_voice_sample_for_sample_and_soon():
    motion, packets, voice = RecordingMotion(), [], noise(50 * MIC)
    async with open_session(motion) as session:
        session.attend(Presence.LISTENING)
        consumer = asyncio.create_task(consume(session, packets))
        await asyncio.sleep(0.5)
        before = len(motion.chunks)
        await talk(session, voice)
        after = np.concatenate([chunk.pcm for chunk in motion.chunks[before:]])
        assert session.stats()["ear_dropped_ms"] == 0
        consumer.cancel()
    first = np.flatnonzero(after)[0]
    assert first <= 4 * SAMPLES_PER_FRAME, "heard within 160 ms"
    got = after[after != 0] * 32768
    assert len(got) >= len(voice) - 4 * SAMPLES_PER_FRAME
    np.testing.assert_allclose(got, voice[: len(got)])
    assert not sound(packets).any(), "nothing of it goes out again"


@pytest.mark.virtual_time
@pytest.mark.parametrize("presence", [Presence.IDLE, Presence.THINKING])
async def test_who_does_not_listen_hears_nothing_and_nothing_old_later(presence):
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.attend(presence)
        consumer = asyncio.create_task(consume(session, []))
        await talk(session, noise(50 * MIC))
        assert not any(chunk.pcm.any() for chunk in motion.chunks)
        await asyncio.sleep(0.2)
        session.attend(Presence.LISTENING)
        await asyncio.sleep(0.5)
        assert not heard(motion).any()
        assert session.stats()["ear_dropped_ms"] == 0, "what nobody listens to is not lost"
        consumer.cancel()


@pytest.mark.virtual_time
async def test_who_speaks_hears_only_itself():
    motion, own = RecordingMotion(), seconds(1.0)
    async with open_session(motion) as session:
        session.attend(Presence.LISTENING)
        consumer = asyncio.create_task(consume(session, []))
        session.push_audio(own, MEDIA_RATE_HZ)
        session.end_segment()
        await talk(session, np.full(60 * MIC, 30_000, np.int16))
        spoken = [chunk for chunk in motion.chunks if chunk.segment]
        assert {chunk.presence for chunk in spoken} == {Presence.SPEAKING}
        assert np.concatenate([c.pcm for c in spoken]).max() < 0.5, "its own voice stays below that"
        assert all(c.segment_s == 0 and c.phones is None and not c.ahead.size for c in motion.chunks[-3:])
        assert heard(motion).max() > 0.9, "before and after it listens"
        consumer.cancel()


@pytest.mark.virtual_time
async def test_a_flood_is_dropped_and_counted():
    async with open_session() as session:
        session.attend(Presence.LISTENING)
        await take(session, 3)
        session.hear(noise(SPEECH_RATE_HZ), SPEECH_RATE_HZ)
        stats = session.stats()
        assert stats["ear_depth_ms"] == 120
        assert stats["ear_dropped_ms"] == 880


async def test_a_closed_session_hears_nothing():
    session = open_session()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        session.hear(noise(MIC), SPEECH_RATE_HZ)


@pytest.mark.parametrize("sizes", [(1, 333, 1001), (97,), (320,)])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_cut_into_odd_chunks_a_voice_is_heard_the_same(sizes, rate):
    pcm, whole, parts = noise(rate // 10), Ear(), Ear()
    whole.push(pcm, rate)
    at = turn = 0
    while at < len(pcm):
        parts.push(pcm[at : at + sizes[turn % len(sizes)]], rate)
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    for _ in range(2):
        np.testing.assert_allclose(parts.take(), whole.take(), atol=1e-6)


def test_an_uneven_microphone_is_evened_out():
    """Three packets late and then all at once: one gap, and after it no more."""
    ear, voice = Ear(), noise(40 * MIC)
    frames = []
    for frame in range(20):
        if frame % 3 == 2:
            ear.push(voice[(frame - 2) * 2 * MIC : (frame + 1) * 2 * MIC], SPEECH_RATE_HZ)
        frames.append(ear.take())
    got = np.concatenate(frames[2:])
    np.testing.assert_allclose(got[got != 0] * 32768, voice[: len(got)])
    assert ear.dropped_ms == 0
    assert ear.depth_ms <= 1000 * KEPT_SAMPLES / SPEECH_RATE_HZ


def test_it_refuses_an_impossible_rate():
    with pytest.raises(ValueError, match="not positive"):
        Ear().push(noise(10), 0)


MOUTH = [EXPRESSION_INDEX[name] for name in ("jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDownLeft")]


@pytest.mark.parametrize("motion", [StillMotion(), DiffusionMotion()])
def test_another_voice_moves_no_mouth(motion):
    loud = (noise(25 * SAMPLES_PER_FRAME) / 32768).astype(np.float32)
    made = [
        motion.step(SpeechChunk(pcm, Presence.LISTENING), motion.init_state(1))[0]
        for pcm in (loud, np.zeros_like(loud))
    ]
    for with_voice, without in zip(*made, strict=True):
        np.testing.assert_allclose(with_voice.expression[MOUTH], without.expression[MOUTH], atol=0.05)
