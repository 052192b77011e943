"""Statistics of blinks, gaze, breath and drift over minutes, against the figures their modules cite."""

from functools import cache

import numpy as np
import pytest

from models.motion.easing import Spring
from models.motion.stage import Presence
from models.motion.style import Style
from tests.motion.voices import sentence
from training.teacher.blink import closure, init_blink, step_blink
from training.teacher.breath import init_breath, step_breath
from training.teacher.cues import Cues, phone_accent, phrase_ends
from training.teacher.gaze import init_gaze, step_gaze
from training.teacher.head import init_head, step_head
from training.teacher.prosody import Prosody

QUIET = Prosody(0.5, 0.65, 0.0, 0.0, False)


def circumstances(presence, minutes, seed):
    """Speech has an accent every half second and a phrase every two and a half."""
    random, talks = np.random.default_rng(seed), presence is Presence.SPEAKING
    for frame in range(int(minutes * 1500)):
        accent = float(random.random()) if talks and frame % 12 == 0 else 0.0
        yield Cues(frame, presence, presence, QUIET, accent, talks and frame % 62 == 0)


@cache
def eyes(presence, seed, minutes=3.0):
    """Blinks per minute for a person of ordinary rate, share of time away, and the lids' curve."""
    style, away, lids = Style.draw(seed), 0, []
    gaze, blink = init_gaze(seed), init_blink(seed)
    for cues in circumstances(presence, minutes, seed):
        look, gaze = step_gaze(cues, style, seed, gaze)
        shut, blink = step_blink(cues, look.shift_deg, style, seed, blink)
        away += gaze.away
        lids.append(shut)
    return blink.count / minutes / style.blink, away / len(lids), np.array(lids)


def heads(presence, seed, minutes=0.4):
    style, angles = Style.draw(seed), []
    gaze, head = init_gaze(seed), init_head(seed)
    for cues in circumstances(presence, minutes, seed):
        look, gaze = step_gaze(cues, style, seed, gaze)
        turned, head = step_head(cues, look, style, seed, head)
        angles.append(turned)
    return np.array(angles)


@pytest.mark.parametrize(("presence", "per_min"), [(Presence.IDLE, 17.0), (Presence.SPEAKING, 26.0)])
def test_blink_rate(presence, per_min):
    rates = [eyes(presence, seed)[0] for seed in range(3)]
    assert abs(np.mean(rates) / per_min - 1.0) < 0.2


def test_a_blink_shuts_fast_and_opens_slowly():
    ages = np.arange(0.0, 0.4, 0.01)
    lid = np.array([closure(age) for age in ages])
    down, up = ages[lid >= 1.0][0], ages[lid >= 1.0][-1]
    assert down == pytest.approx(0.09, abs=0.011)
    assert ages[(ages > up) & (lid <= 0.0)][0] - up == pytest.approx(0.2, abs=0.02)
    assert closure(float("nan")) == 0.0


def test_most_blinks_shut_the_eye_in_some_frame():
    *_, lids = eyes(Presence.IDLE, 0)
    tops = lids[1:-1][(lids[1:-1] > lids[:-2]) & (lids[1:-1] >= lids[2:])]
    assert np.mean(tops > 0.95) > 0.75


def test_listeners_look_at_their_partner_and_thinkers_do_not():
    away = {presence: np.mean([eyes(presence, seed)[1] for seed in range(2)]) for presence in Presence}
    assert away[Presence.LISTENING] < 0.12
    assert away[Presence.LISTENING] < away[Presence.SPEAKING] < 0.6
    assert away[Presence.THINKING] > 0.9


def test_listeners_nod_and_nobody_is_made_seasick():
    for presence in Presence:
        head = heads(presence, 4)
        speed = np.abs(np.diff(head, axis=0)) * 25
        assert (np.percentile(speed, 99, axis=0) < 40.0).all()
        assert (head.std(axis=0) < 4.0).all()
    head = heads(Presence.LISTENING, 4)
    nods = np.sum(np.diff((np.diff(head[:, 0]) * 25 > 6.0).astype(int)) == 1)
    assert 3 <= nods <= 16


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_breath_rate(seed):
    style, state = Style.draw(seed), init_breath(seed)
    air = []
    for frame in range(3000):
        volume, state = step_breath(Cues(frame, Presence.IDLE, Presence.IDLE, QUIET), style, state)
        air.append(volume)
    breaths = np.sum((np.diff(air) > 0)[1:] & ~(np.diff(air) > 0)[:-1]) / 2
    assert 11.0 <= breaths <= 19.0
    assert np.abs(np.diff(air)).max() < 0.08


def test_accents_are_told_before_their_vowel_and_pauses_when_they_begin():
    phones = sentence()
    accents = [f for f in range(80) if phone_accent(phones, f / 25, 1, 0) > 0.0]
    stressed = [phone.start_s for phone in phones if phone.stress == 1]
    assert len(accents) == len(stressed)
    for frame, start_s in zip(accents, stressed, strict=True):
        assert 0.12 <= start_s - frame / 25 + 1e-6 < 0.161
    assert sum(phrase_ends(phones, f / 25) for f in range(80)) == 3


def test_a_spring_arrives_without_overshoot():
    spring, path = Spring.at(np.zeros(1)), []
    for _ in range(100):
        spring = spring.towards(np.ones(1), 6.0)
        path.append(float(spring.value[0]))
    assert path == sorted(path)
    assert 0.999 < path[-1] <= 1.0
