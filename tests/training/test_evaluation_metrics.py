"""Every figure on signals whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.motion.frame import EXPRESSIONS, MOTION_SIZE
from models.motion.stage import Phone
from training.evaluation.agreement import (
    LAGS,
    correlation,
    head_error_deg,
    lag_in_step,
    lip_error_mm,
    shared_lag,
)
from training.evaluation.body_face import curves_of_motion
from training.evaluation.closings import Closings, find_closings
from training.evaluation.closures import ClosureCount, count_closures, runs_of
from training.evaluation.figures import agreement, habits
from training.evaluation.liveliness import find_blinks, head_bands, jerk, spread
from training.evaluation.samples import best_of, pairwise_angle_deg, pairwise_distance

TIME_S = np.arange(250) / 25
WAVE = np.sin(2 * np.pi * 1.3 * TIME_S).astype(np.float32)


def turned(degrees):
    return Rotation.from_rotvec(np.outer(degrees, (0, 1, 0)), degrees=True).as_matrix().astype(np.float32)


def test_correlation_knows_same_opposite_and_still():
    assert correlation(WAVE, 3 * WAVE + 1) == pytest.approx(1.0)
    assert correlation(WAVE, -WAVE) == pytest.approx(-1.0)
    assert correlation(WAVE, np.full_like(WAVE, 0.3)) == 0.0
    assert np.isnan(correlation(np.full_like(WAVE, np.nan), WAVE))


def test_correlation_leaves_out_frames_without_a_face():
    holes, other = WAVE.copy(), WAVE.copy()
    holes[50:100], other[50:100] = np.nan, 7.0
    assert correlation(holes, other) == pytest.approx(1.0)


def test_a_late_face_has_a_positive_lag():
    late = np.roll(WAVE, 2)
    assert correlation(WAVE, late, lag=2) == pytest.approx(1.0)
    assert shared_lag([[correlation(WAVE, late, lag) for lag in LAGS]])[0] == 2


def test_a_film_whose_sound_is_late_is_in_step_where_made_lips_are_late():
    assert [lag_in_step(late_ms) for late_ms in (-85.0, -11.0, 28.0, -400.0)] == [2, 0, -1, 2]


def test_one_lag_holds_for_all_clips():
    early, late = [0.9, 0.5, 0.4, 0.3, 0.0], [0.0, 0.3, 0.5, 0.45, 0.9]
    assert shared_lag([early, late, [np.nan] * 5]) == (0, pytest.approx(0.45))
    assert shared_lag([[0.0] * 5])[0] == 0


def test_lip_error_is_in_millimetres_and_forgives_another_shape():
    truth = np.random.default_rng(0).normal(size=(50, 40, 2)).astype(np.float32)
    assert lip_error_mm(truth, truth + 5.0) == pytest.approx(0.0, abs=1e-5)
    swing = np.where(np.arange(50) % 2, 1.0, -1.0)[:, None, None] * np.array([3.0, 4.0])
    assert lip_error_mm(truth, truth + swing.astype(np.float32)) == pytest.approx(5.0, abs=1e-4)


def test_head_error_is_an_angle_from_the_own_mean():
    angles = 10 * np.sin(TIME_S)
    assert head_error_deg(turned(angles), turned(angles + 20)) == pytest.approx(0.0, abs=0.05)
    apart = np.where(np.arange(250) % 2, 2.0, -2.0)
    assert head_error_deg(turned(0 * angles), turned(apart)) == pytest.approx(2.0, abs=0.01)


def phones(*spans):
    return [Phone(symbol, start / 25, end / 25) for symbol, start, end in spans]


def test_closures_are_seen_and_missed():
    aperture = np.ones(60, np.float32)
    aperture[20:22] = 0.05
    said = phones(("AA", 0, 19), ("B", 19, 22), ("AA", 22, 40), ("M", 40, 43), ("AA", 43, 60))
    count = count_closures(said, aperture)
    assert count == ClosureCount(spoken=2, closed=1, made=1, right=1)
    assert (count.recall, count.precision) == (0.5, 1.0)


def test_a_closure_may_be_two_frames_off_and_no_more():
    said = phones(("AA", 0, 20), ("P", 20, 22), ("AA", 22, 60))
    for at, closed in ((18, 1), (17, 0), (23, 1), (24, 0)):
        aperture = np.ones(60, np.float32)
        aperture[at] = 0.0
        assert count_closures(said, aperture).closed == closed


def test_closures_on_other_sounds_cost_precision_but_not_on_f_or_silence():
    aperture = np.ones(90, np.float32)
    aperture[[10, 40, 70]] = 0.0
    said = phones(("SIL", 0, 20), ("F", 38, 42), ("AA", 60, 80))
    assert count_closures(said, aperture) == ClosureCount(0, 0, 1, 0)
    assert np.isnan(count_closures(said, aperture).recall)


def test_a_mouth_that_never_opens_closes_nothing():
    said = phones(("B", 10, 12))
    assert count_closures(said, np.zeros(30, np.float32)).closed == 0
    assert count_closures(said, np.full(30, np.nan, np.float32)) == ClosureCount()


def test_closings_tell_how_late_lips_are():
    said = phones(*(("B", 20 + 24 * n, 22 + 24 * n) for n in range(6)))
    for late in (-3, 0, 2):
        aperture = np.ones(180, np.float32)
        for n in range(6):
            aperture[21 + 24 * n + late] = 0.0
        closings = find_closings(said, [aperture, 3 * aperture])
        assert closings.said == 6
        assert closings.late_ms == pytest.approx(40.0 * late)
        assert (closings + closings).late_ms == pytest.approx(40.0 * late)


def test_few_closings_tell_nothing_nor_does_a_still_or_unseen_mouth():
    said = phones(*(("B", 20 + 24 * n, 22 + 24 * n) for n in range(6)))
    assert np.isnan(find_closings(said[:4], 3 * [WAVE[:180] + 2]).late_ms)
    assert find_closings(said, [np.zeros(180, np.float32)]) == Closings()
    assert find_closings(said, [np.full(180, np.nan, np.float32)]) == Closings()
    assert find_closings(said, [np.ones(40, np.float32)]).said == 1


def test_runs_touch_the_edges():
    assert runs_of(np.array([True, True, False, True])) == [slice(0, 2), slice(3, 4)]


def test_jerk_of_a_cubic_is_its_constant():
    points = np.zeros((50, 1, 3))
    points[:, 0, 0] = 2.0 * (np.arange(50) / 25) ** 3
    assert jerk(points) == pytest.approx(12.0)
    assert jerk(np.full((10, 1, 3), np.nan)) != jerk(np.zeros((10, 1, 3))) == 0.0


def test_blinks_are_counted_and_timed():
    lids = np.full(1500, 0.1, np.float32)
    for at in (200, 700, 1200):
        lids[at : at + 7] += np.array([0.2, 0.5, 0.8, 0.8, 0.5, 0.3, 0.1], np.float32)
    lids[400:450] += 0.6
    blinks = find_blinks(lids)
    assert blinks.per_minute == pytest.approx(3.0)
    assert 200 < blinks.duration_ms < 260
    assert blinks.hanging_share == pytest.approx(50 / 1500, rel=0.05)


def test_no_blink_has_no_duration():
    still = find_blinks(np.full(100, 0.2, np.float32))
    assert still.per_minute == 0.0
    assert np.isnan(still.duration_ms)
    assert still.hanging_share == 0.0


@pytest.mark.parametrize(("hz", "band"), [(0.8, 0), (2.5, 1), (5.0, 2)])
def test_a_nod_lies_in_its_band(hz, band):
    angles = np.zeros((500, 3))
    angles[:, 0] = np.sin(2 * np.pi * hz * np.arange(500) / 25)
    assert head_bands(angles)[band] > 0.95
    assert sum(head_bands(angles)) == pytest.approx(1.0)


def test_a_still_head_has_no_rhythm():
    assert np.isnan(head_bands(np.ones((100, 3)))).all()
    assert spread(np.ones((100, 3))).tolist() == [0.0] * 3


def test_samples_apart():
    zero, one = np.zeros((5, 4)), np.ones((5, 4))
    assert pairwise_distance([zero, one, one]) == pytest.approx(4 / 3)
    assert np.isnan(pairwise_distance([zero]))
    assert pairwise_angle_deg([turned(np.zeros(5)), turned(np.full(5, 8.0))]) == pytest.approx(8.0, abs=0.01)


def test_a_face_that_is_lost_for_a_while_is_measured_where_it_was_seen():
    random = np.random.default_rng(0)
    motion = np.zeros((50, MOTION_SIZE), np.float32)
    motion[:, : len(EXPRESSIONS)] = random.uniform(0, 0.3, (50, len(EXPRESSIONS)))
    whole = curves_of_motion(motion)
    lost = replace(whole, head=whole.head.copy(), expression=whole.expression.copy())
    lost.head[10:20], lost.expression[10:20] = np.nan, np.nan
    seen = habits([lost])
    assert np.isfinite([seen["blinks_per_minute"], seen["head_pitch_std_deg"], seen["expression_std"]]).all()
    assert habits([whole, lost])["head_apd_deg"] == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(agreement(lost, [whole])["head_error_deg_best_of_1"])


def test_best_of_is_the_mean_of_all_choices():
    errors = [4.0, 1.0, 3.0, 2.0]
    assert best_of(errors, 1) == pytest.approx(2.5)
    assert best_of(errors, 2) == pytest.approx((1 + 1 + 1 + 2 + 2 + 3) / 6)
    assert best_of(errors, 4) == 1.0
    assert np.isnan(best_of(errors, 5))
