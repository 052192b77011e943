"""Lips against sound: what the learned motion makes, and whether `benchmarks.lips` sees when it is late."""

import numpy as np
import pytest

from benchmarks.lips import lips_lag, opening_of
from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import EXPRESSION_INDEX, FPS
from tests.motion.voices import buzz, sentence, silence, speak
from training.evaluation.body_face import aperture_of, face_points

HEIGHT, WIDTH = 32, 48
NOISE = 6.0
"""Deviation of the grey levels; what a codec leaves is less."""


@pytest.fixture(scope="module")
def phones():
    return sentence(2)


@pytest.fixture(scope="module")
def mouths(phones):
    """What a camera sees of the mouth that says the phones: dark between the lips, on a head that sways."""
    motion = DiffusionMotion()
    _, state = speak(motion, motion.init_state(3), silence(0.5), None, segment=0)
    frames, _ = speak(motion, state, buzz(phones), phones, sizes=(1, 4))
    faces = np.array([frame.expression for frame in frames])
    opening, rounding = aperture_of(face_points(faces)), faces[:, EXPRESSION_INDEX["mouthPucker"]]
    sway = 1.5 * np.sin(np.arange(len(frames)) / 9)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    high, wide = 160 * opening + 0.7, 15 - 6 * rounding
    apart = [
        ((y - HEIGHT / 2 - s) / h) ** 2 + ((x - WIDTH / 2) / w) ** 2
        for s, h, w in zip(sway, high, wide, strict=True)
    ]
    noise = np.random.default_rng(0).normal(0, NOISE, (len(frames), HEIGHT, WIDTH))
    return 130 - 90 / (1 + np.array(apart) ** 2) + noise


@pytest.mark.parametrize("late_ms", [-100, 0, 40, 100])
def test_lips_are_as_late_as_their_pictures(phones, mouths, late_ms):
    opening = opening_of(phones, len(mouths))
    lag = lips_lag(mouths, np.arange(len(mouths)) / FPS + late_ms / 1000, [opening])
    assert lag.agreement > 0.6
    assert lag.all_ms == pytest.approx(late_ms, abs=25)
    assert lag.begin_ms == pytest.approx(late_ms, abs=25)


def test_pictures_that_come_seldom_are_enough(phones, mouths):
    seldom = np.sort(np.random.default_rng(1).choice(len(mouths), len(mouths) // 3, replace=False))
    lag = lips_lag(mouths[seldom], seldom / FPS + 0.08, [opening_of(phones, len(mouths))])
    assert lag.all_ms == pytest.approx(80, abs=30)


@pytest.mark.parametrize("late_ms", [-160, 0, 160])
def test_few_pictures_leave_the_true_delay_and_rule_out_one_far_off(phones, mouths, late_ms):
    """Three answers, a third of the pictures, as a busy machine shows them, and noise of the mouth's own."""
    random, many = np.random.default_rng(1), 3 * len(mouths)
    seldom = np.sort(random.choice(many, many // 3, replace=False))
    openings = [opening_of(phones, len(mouths), answer * len(mouths) / FPS) for answer in range(3)]
    shown_s = seldom / FPS + late_ms / 1000
    early, late = lips_lag(mouths[seldom % len(mouths)], shown_s, openings).begin_between_ms
    assert early <= late_ms + 25
    assert late >= late_ms - 25
    if late_ms:
        assert not early <= 0 <= late


def test_a_mouth_that_says_something_else_does_not_agree(phones, mouths):
    said, other = (opening_of(tuple(p), len(mouths)) for p in (phones, reversed_in_time(phones)))
    own, others = (lips_lag(mouths, np.arange(len(mouths)) / FPS, [opening]) for opening in (said, other))
    assert others.agreement < 0.6 * own.agreement


def test_without_pictures_nothing_is_claimed(phones, mouths):
    with pytest.raises(ValueError, match="no picture"):
        lips_lag(mouths, np.arange(len(mouths)) / FPS + 100, [opening_of(phones, len(mouths))])


def reversed_in_time(phones):
    end_s = phones[-1].end_s
    for phone in reversed(phones):
        yield type(phone)(phone.symbol, end_s - phone.end_s, end_s - phone.start_s, phone.stress)
