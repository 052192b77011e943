"""Gestures on their way through a session: with the sound they belong to, or at once."""

import numpy as np
import pytest

from models.motion.cue import Cue, Gesture
from models.motion.cued import CuedMotion
from models.motion.frame import EXPRESSION_INDEX
from models.motion.stage import StillMotion
from tests.engine.helpers import RecordingMotion, open_session

SMILE, NOD = Cue(Gesture.SMILE, 0.4), Cue(Gesture.NOD, 1.2)


async def take(session, count):
    return [await anext(session) for _ in range(count)]


@pytest.mark.virtual_time
async def test_cues_come_with_the_utterance_they_belong_to():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.push_audio(np.ones(24_000, np.int16), 24_000, cues=[SMILE])
        session.push_audio(np.ones(24_000, np.int16), 24_000, cues=[NOD])
        session.end_segment()
        session.push_audio(np.ones(12_000, np.int16), 24_000)
        session.end_segment()
        await take(session, 80)
    first = [chunk.cues for chunk in motion.spoken() if chunk.segment == 1]
    second = [chunk.cues for chunk in motion.spoken() if chunk.segment == 2]
    assert set(first) == {(SMILE, NOD)}
    assert set(second) == {()}


@pytest.mark.virtual_time
async def test_in_silence_a_gesture_begins_once_and_soon():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        await take(session, 10)
        before = len(motion.chunks)
        session.push_cue(Cue(Gesture.NOD))
        await take(session, 10)
    cued = [i for i, chunk in enumerate(motion.chunks) if chunk.cues]
    assert len(cued) == 1
    assert before <= cued[0] <= before + 2
    assert motion.chunks[cued[0]].cues == (Cue(Gesture.NOD, 0.0),)


@pytest.mark.virtual_time
async def test_during_speech_a_gesture_begins_at_the_next_planned_frame():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.push_audio(np.ones(48_000, np.int16), 24_000, cues=[Cue(Gesture.SMILE, 1.9)])
        await take(session, 20)
        session.push_cue(Cue(Gesture.NOD))
        await take(session, 20)
        cues = motion.spoken()[-1].cues
    assert [cue.gesture for cue in cues] == [Gesture.NOD, Gesture.SMILE]
    assert 0.6 < cues[0].at_s < 1.2


@pytest.mark.virtual_time
async def test_a_cue_pushed_alone_keeps_its_time_or_begins_at_once():
    motion = RecordingMotion()
    async with open_session(motion) as session:
        session.push_cue(Cue(Gesture.TILT, 5.0))
        session.push_audio(np.ones(24_000, np.int16), 24_000)
        session.push_cue(Cue(Gesture.WAVE, 0.9))
        session.end_segment()
        await take(session, 40)
    assert motion.spoken()[-1].cues == (Cue(Gesture.TILT, 0.0), Cue(Gesture.WAVE, 0.9))


@pytest.mark.virtual_time
async def test_a_cue_moves_the_face_at_its_word():
    smile = EXPRESSION_INDEX["mouthSmileLeft"]

    class Smiles:
        """Shows how much is smiled as a grey level."""

        size = 16

        def init_state(self):
            return None

        def step(self, motion, state, tier):
            return np.full((16, 16, 3), round(200 * float(motion.expression[smile])), np.uint8), None

    async with open_session(CuedMotion(StillMotion()), Smiles()) as session:
        session.push_audio(np.ones(48_000, np.int16), 24_000, cues=[Cue(Gesture.SMILE, 1.0)])
        session.end_segment()
        packets = await take(session, 60)
    spoken = [packet.picture.max() for packet in packets if packet.segment]
    assert not any(spoken[:25])
    assert spoken[25] > 0
    assert max(spoken) == pytest.approx(110, abs=2)
