"""Where the person looks, on its way through a session."""

import itertools

import numpy as np
import pytest

from models.motion.look import Look
from tests.engine.helpers import RecordingMotion, open_session


@pytest.mark.virtual_time
async def test_a_look_reaches_the_motion_soon_and_stays_through_speech_and_silence():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        for _ in range(5):
            await anext(session)
        assert {chunk.look for chunk in motion.chunks} == {Look()}
        before = len(motion.chunks)
        session.look(Look(10.0))
        session.push_audio(np.ones(24_000, np.int16), 24_000)
        session.end_segment()
        for _ in range(5):
            await anext(session)
        session.look(Look(-10.0))
        for _ in range(35):
            await anext(session)
    looks = [chunk.look.yaw_deg for chunk in motion.chunks]
    changes = [b for a, b in itertools.pairwise(looks) if a != b]
    assert changes == [10.0, -10.0]
    assert looks[before + 3] == 10.0, "no later than what was planned already"
    turned = looks.index(-10.0)
    assert motion.chunks[turned].segment == 1, "within the utterance, too"
    assert motion.chunks[-1].segment == 0


@pytest.mark.virtual_time
async def test_an_interruption_does_not_lose_the_look():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.push_audio(np.ones(48_000, np.int16), 24_000)
        for _ in range(10):
            await anext(session)
        session.look(Look(10.0))
        session.clear()
        for _ in range(10):
            await anext(session)
    assert motion.chunks[-1].look == Look(10.0)
