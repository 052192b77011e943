"""A look at somebody over any motion: eyes first, then the head, smooth, whatever the chunks."""

from functools import partial

import numpy as np
import pytest

from models.motion.cued import CuedMotion
from models.motion.diffusion.stage import DiffusionMotion, Sampling
from models.motion.frame import EXPRESSION_INDEX, FPS, JOINT_INDEX
from models.motion.look import Look
from models.motion.looking import HEAD_SHARE
from models.motion.pose import EYE_DEG
from models.motion.stage import SAMPLES_PER_FRAME, SpeechChunk, StillMotion
from tests.motion.voices import vectors

LEFT = Look(14.0, 0.0)

BLIND = partial(DiffusionMotion, sampling=Sampling(lookahead_frames=0))
"""Chunks tell nothing of what comes after."""


def idle(motion, look, frames, state=None, size=100):
    """Idle for some frames in chunks of `size`, looking somewhere."""
    state = motion.init_state(5) if state is None else state
    made = []
    while len(made) < frames:
        count = min(size, frames - len(made))
        silence = np.zeros(count * SAMPLES_PER_FRAME, np.float32)
        some, state = motion.step(SpeechChunk(silence, look=look), state)
        made += some
    return made, state


def eyes_deg(frames):
    """Turn of the left eye towards the person's left."""
    out, into = EXPRESSION_INDEX["eyeLookOutLeft"], EXPRESSION_INDEX["eyeLookInLeft"]
    return np.array([EYE_DEG * (frame.expression[out] - frame.expression[into]) for frame in frames])


def head_deg(frames):
    """Turn of the head against the room."""
    chain = [JOINT_INDEX[joint] for joint in ("head", "neck", "chest", "spine")]
    return np.degrees([frame.rotations[chain, 1].sum() for frame in frames])


def test_gaze_arrives_by_eyes_then_head():
    frames, _ = idle(CuedMotion(StillMotion()), LEFT, 3 * FPS)
    eyes, head = eyes_deg(frames), head_deg(frames)
    assert (eyes + head)[8] == pytest.approx(14.0, abs=1.0), "a third of a second is enough for gaze"
    assert head[8] < 0.75 * HEAD_SHARE * 14.0 < head[-1], "the head comes later"
    assert head[-1] == pytest.approx(HEAD_SHARE * 14.0, abs=0.05)
    assert (eyes + head)[-1] == pytest.approx(14.0, abs=0.05)
    assert eyes.max() > eyes[-1] + 2.0, "the eyes give back what the head has taken"
    right = EXPRESSION_INDEX["eyeLookInRight"]
    assert EYE_DEG * frames[-1].expression[right] == pytest.approx(eyes[-1], abs=0.01), "both eyes turn"


def test_the_other_way_is_the_mirror_and_down_is_down():
    left, _ = idle(CuedMotion(StillMotion()), LEFT, 20)
    right, _ = idle(CuedMotion(StillMotion()), Look(-14.0), 20)
    np.testing.assert_allclose(eyes_deg(right), -eyes_deg(left), atol=1e-5)
    down, _ = idle(CuedMotion(StillMotion()), Look(0.0, 6.0), 20)
    assert down[-1].expression[EXPRESSION_INDEX["eyeLookDownLeft"]] > 0.08
    assert down[-1].rotations[JOINT_INDEX["head"], 0] > 0


@pytest.mark.parametrize(
    "inner", [partial(DiffusionMotion, sampling=Sampling(lookahead_frames=0)), StillMotion]
)
def test_a_change_of_mind_is_smooth(inner):
    motion = CuedMotion(inner())
    one, state = idle(motion, LEFT, 12)
    two, _ = idle(motion, Look(-14.0), 30, state)
    plain, _ = idle(motion, Look(), 42)
    moved = head_deg(one + two) - head_deg(plain)
    assert np.abs(np.diff(moved)).max() < 1.5, "degrees of the head in a frame"
    assert np.abs(np.diff(moved, n=2)).max() < 0.6


@pytest.mark.parametrize("size", [1, 3, 7])
def test_chunked_equals_whole(size):
    motion = CuedMotion(DiffusionMotion())
    np.testing.assert_array_equal(
        vectors(idle(motion, LEFT, 40, size=size)[0]), vectors(idle(motion, LEFT, 40)[0])
    )


def test_looking_ahead_again_leaves_nothing():
    motion = CuedMotion(StillMotion())
    _, state = idle(motion, LEFT, 25)
    back, _ = idle(motion, Look(), 10 * FPS, state)
    assert not vectors(back)[-1].any()


def test_eyes_never_leave_their_sockets():
    frames, _ = idle(CuedMotion(StillMotion()), Look(90.0), 30)
    assert np.abs(eyes_deg(frames)).max() <= 22.01
