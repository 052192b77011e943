"""The figures that judge a live call: they find lag, desync and freeze; curves that disagree say nothing."""

import numpy as np
import pytest

from benchmarks.call_loss import LossyWay
from benchmarks.live_figures import Curves, figures, longest_freeze_ms, shift, spread


def curve(lag_ms=0.0, every_ms=40.0):
    """A mouth, or a voice, that opens at no even beat."""
    at_ms = np.arange(0, 20_000, every_ms)
    return np.stack([at_ms + lag_ms, np.clip(np.sin(at_ms / 211) * np.sin(at_ms / 1307), 0, 1)], 1)


def ends(mouth_ms, voice_ms):
    sent = Curves(curve(), curve(every_ms=10))
    return sent, Curves(curve(mouth_ms), curve(voice_ms, every_ms=10), np.arange(0.0, 20_000.0, 40.0))


def test_lag_and_desync_are_found():
    lag_ms, agreement = shift(curve(), curve(320.0))
    assert abs(lag_ms - 320) <= 10
    assert agreement > 0.8
    found = figures(*ends(320.0, 240.0))
    assert all(abs(found[f"glass_to_glass_{name}"] - 320) <= 10 for name in ("ms", "p50_ms", "p95_ms"))
    assert abs(found["mouth_to_ear_ms"] - 240) <= 10
    assert abs(found["desync_ms"] - 80) <= 10
    assert abs(found["desync_end_ms"] - 80) <= 10
    assert found["longest_freeze_ms"] == 40


def test_a_desync_that_comes_late_shows_at_the_end():
    sent, got = ends(300.0, 300.0)
    got.mouth[got.mouth[:, 0] > 9000, 0] += 150
    assert figures(sent, got)["desync_end_ms"] == pytest.approx(150, abs=15)


def test_a_face_that_stands_is_found():
    moved_ms = np.concatenate([np.arange(0.0, 5000.0, 40.0), np.arange(5600.0, 9000.0, 40.0)])
    assert longest_freeze_ms(moved_ms) == pytest.approx(640, abs=1)
    assert longest_freeze_ms(moved_ms[:1]) is None


def test_curves_that_do_not_agree_say_nothing_and_empty_ones_are_refused():
    other = curve()
    other[:, 1] = np.random.default_rng(1).permutation(other[:, 1])
    assert spread(curve(), other) == {"glass_to_glass_p50_ms": None, "glass_to_glass_p95_ms": None}
    found = figures(Curves(curve(), curve()), Curves(other, curve()))
    assert found["glass_to_glass_ms"] is None
    assert found["desync_ms"] is None
    with pytest.raises(ValueError, match="not there at all"):
        figures(Curves(curve(), curve()), Curves(curve()[:0], curve()))


def test_a_lossy_way_loses_its_share_and_spares_whom_it_should():
    way = LossyWay()
    way.spare([7])
    assert not any(way.loses(5) for _ in range(100))
    way.share = 0.3
    assert sum(way.loses(5) for _ in range(2000)) == pytest.approx(600, abs=80)
    assert not any(way.loses(7) for _ in range(100))
    assert way.lost + way.passed == 2000
