"""Gestures over any motion: they come when asked, are smooth, end, and do not depend on chunks."""

from functools import partial

import numpy as np
import pytest

from models.motion.cue import Cue, Gesture
from models.motion.cued import CuedMotion
from models.motion.diffusion.stage import DiffusionMotion, Sampling
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, FPS, JOINT_INDEX
from models.motion.gestures import GESTURES, length_s
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk, StillMotion
from tests.motion.voices import buzz, sentence, vectors

SMILE = EXPRESSION_INDEX["mouthSmileLeft"]
PITCH = len(EXPRESSIONS) + 3 * JOINT_INDEX["head"]

BLIND = partial(DiffusionMotion, sampling=Sampling(lookahead_frames=0))
"""Chunks tell nothing of what comes after."""


def utter(motion, cues, sizes=(10_000,), seconds=4.0, segment=1, state=None, known_from_s=0.0):
    """Run an utterance of silence in chunks; cues are known from a moment on."""
    state = motion.init_state(3) if state is None else state
    total, at, turn, frames = round(seconds * FPS), 0, 0, []
    while at < total:
        count = min(sizes[turn % len(sizes)], total - at)
        pcm = np.zeros(count * SAMPLES_PER_FRAME, np.float32)
        known = cues if at / FPS >= known_from_s else ()
        chunk = SpeechChunk(pcm, Presence.SPEAKING, segment=segment, segment_s=at / FPS, cues=known)
        made, state = motion.step(chunk, state)
        frames += made
        at, turn = at + count, turn + 1
    return vectors(frames), state


@pytest.mark.parametrize(
    "inner", [partial(DiffusionMotion, sampling=Sampling(lookahead_frames=0)), StillMotion]
)
@pytest.mark.parametrize("sizes", [(1,), (2, 5), (3, 1, 7)])
def test_chunked_equals_whole(inner, sizes):
    cues = (Cue(Gesture.SMILE, 0.0), Cue(Gesture.NOD, 0.5), Cue(Gesture.SMILE, 0.51), Cue(Gesture.WAVE, 1.99))
    motion = CuedMotion(inner())
    whole, _ = utter(motion, cues)
    cut, _ = utter(motion, cues, sizes)
    np.testing.assert_array_equal(cut, whole)


def test_without_cues_nothing_changes():
    phones = sentence()
    chunk = SpeechChunk(buzz(phones), Presence.SPEAKING, segment=1, phones=phones)
    plain, _ = DiffusionMotion().step(chunk, DiffusionMotion().init_state(1))
    cued = CuedMotion(DiffusionMotion())
    same, _ = cued.step(chunk, cued.init_state(1))
    np.testing.assert_array_equal(vectors(same), vectors(plain))


def test_a_smile_comes_when_it_is_asked_for_and_goes():
    motion, _ = utter(CuedMotion(StillMotion()), (Cue(Gesture.SMILE, 1.0),))
    smile = motion[:, SMILE]
    assert not smile[:25].any()
    assert smile[25] > 0
    assert smile[35:75].max() == pytest.approx(0.55, abs=0.01)
    assert not smile[25 + round(length_s(Gesture.SMILE) * FPS) + 1 :].any()


def test_a_nod_goes_down_twice():
    motion, _ = utter(CuedMotion(StillMotion()), (Cue(Gesture.NOD, 0.2),))
    pitch = np.degrees(motion[:, PITCH])
    tops = [i for i in range(1, 99) if pitch[i - 1] < pitch[i] >= pitch[i + 1] and pitch[i] > 1]
    assert len(tops) == 2
    assert pitch.max() > 2.5


@pytest.mark.parametrize("gesture", Gesture)
def test_every_gesture_moves_smoothly_and_ends_where_it_began(gesture):
    motion, state = utter(CuedMotion(StillMotion()), (Cue(gesture, 0.0),))
    assert np.abs(motion).max() > 0.03
    assert motion[:, : len(EXPRESSIONS)].min() >= 0
    assert motion[:, : len(EXPRESSIONS)].max() <= 1
    assert np.abs(motion[0]).max() < 0.4
    assert np.abs(np.diff(motion, axis=0)).max() < 0.5, "a wink's lid falls in 120 ms; nothing is faster"
    assert not motion[-1].any()
    assert state.acts == ()


def test_every_gesture_has_a_movement():
    assert set(GESTURES) == set(Gesture)


def test_a_cue_that_comes_late_begins_at_once_and_only_once():
    motion, _ = utter(CuedMotion(StillMotion()), (Cue(Gesture.SMILE, 0.2),), (5,), known_from_s=1.0)
    smile = motion[:, SMILE]
    assert not smile[:25].any()
    assert smile[30] > 0.1
    assert (np.diff(smile) > 0).sum() <= 10


def test_the_next_utterance_has_its_own_cues_and_a_gesture_goes_on_into_silence():
    stage = CuedMotion(StillMotion())
    _, state = utter(stage, (Cue(Gesture.SMILE, 0.5),), seconds=0.8)
    idle = SpeechChunk(np.zeros(5 * SAMPLES_PER_FRAME, np.float32))
    resting, state = stage.step(idle, state)
    assert vectors(resting)[:, SMILE].min() > 0.3
    second, _ = utter(stage, (Cue(Gesture.NOD, 0.0),), segment=2, state=state)
    assert np.degrees(second[:20, PITCH]).max() > 2.5


def test_cues_of_silence_belong_to_their_chunk():
    stage, frames = CuedMotion(StillMotion()), []
    state = stage.init_state(0)
    for number in range(20):
        cues = (Cue(Gesture.NOD, 0.0),) if number == 4 else ()
        made, state = stage.step(SpeechChunk(np.zeros(SAMPLES_PER_FRAME, np.float32), cues=cues), state)
        frames += made
    pitch = vectors(frames)[:, PITCH]
    assert not pitch[:4].any()
    assert pitch[4] > 0


def test_rounded_lips_do_not_smile():
    class Rounded(StillMotion):
        def step(self, chunk, state):
            frames, state = super().step(chunk, state)
            for frame in frames:
                frame.expression[EXPRESSION_INDEX["mouthPucker"]] = 0.7
            return frames, state

    motion, _ = utter(CuedMotion(Rounded()), (Cue(Gesture.SMILE, 0.0),))
    assert not motion[:, SMILE].any()
