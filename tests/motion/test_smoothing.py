"""What smoothing does to a tremble, to a step, and to eyes."""

import numpy as np
import pytest

from models.motion.diffusion.smoothing import Trail, smooth
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX, MOTION_SIZE

JAW, LID = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["eyeBlinkLeft"]
NOD = len(EXPRESSIONS) + 3 * JOINT_INDEX["head"]


def shown(channel, values, lips_before=0.5, body_follow=0.5):
    trail, rows = Trail.none(), []
    for value in values:
        frame = np.zeros(MOTION_SIZE, np.float32)
        frame[channel] = value
        out, trail = smooth(frame, trail, lips_before, body_follow)
        rows.append(out[channel])
    return np.array(rows)


def test_the_first_frame_is_shown_as_it_is_drawn():
    assert shown(NOD, [0.3])[0] == shown(JAW, [0.3])[0] == np.float32(0.3)


@pytest.mark.parametrize("channel", [JAW, NOD])
def test_a_tremble_dies(channel):
    tremble = 0.1 * (-1.0) ** np.arange(40)
    assert np.abs(shown(channel, tremble)[10:]).max() < 0.02


def test_a_step_is_followed_without_overshoot():
    nod = shown(NOD, [0.0] * 3 + [1.0] * 20)
    assert (np.diff(nod) >= 0.0).all()
    assert nod[5] > 0.5
    assert nod[-1] == pytest.approx(1.0, abs=1e-3)
    assert shown(JAW, [0.0, 0.0, 1.0, 1.0]).tolist() == [0.0, 0.0, 0.5, 1.0]


def test_eyes_stay_as_they_are_drawn():
    blink = [0.0, 0.0, 1.0, 0.2, 0.0]
    np.testing.assert_array_equal(shown(LID, blink), np.array(blink, np.float32))


def test_none_is_none():
    values = np.random.default_rng(0).normal(size=20).astype(np.float32)
    for channel in (JAW, NOD):
        np.testing.assert_allclose(shown(channel, values, 0.0, 1.0), values, atol=1e-6)
