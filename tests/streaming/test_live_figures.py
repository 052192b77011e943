"""The figures that judge a live call: they find lag and freeze, and say nothing where mouths disagree."""

import numpy as np

from benchmarks.call_live import longest_freeze_ms, shift, spread


def curves(lag_ms, stands=(0.0, 0.0), least=0.0):
    """A mouth that opens at no even beat, as filmed and as shown."""
    at_ms = np.arange(0, 20_000, 40.0)
    opening = np.clip(np.sin(at_ms / 211) * np.sin(at_ms / 1307), least, 1) * 100
    kept = opening.copy()
    still = (at_ms >= stands[0]) & (at_ms < stands[1])
    kept[still] = opening[np.argmax(still)] if still.any() else 0
    return np.stack([at_ms, opening], 1), np.stack([at_ms + lag_ms, kept], 1)


def test_the_live_figures_find_a_lag_and_a_freeze():
    filmed, shown = curves(320.0, stands=(9000, 10_000), least=-1)
    lag_ms, agreement = shift(filmed, shown)
    assert abs(lag_ms - 320) <= 10
    assert agreement > 0.8
    assert 700 <= longest_freeze_ms(filmed, shown, lag_ms) <= 1050
    assert longest_freeze_ms(*curves(320.0), 320.0) <= 40, "a mouth that is shut for a second stands rightly"
    found = spread(*curves(320.0))
    assert all(abs(found[name] - 320) <= 10 for name in ("glass_to_glass_p50_ms", "glass_to_glass_p95_ms"))


def test_the_live_figures_say_nothing_of_mouths_that_do_not_agree():
    filmed, shown = curves(0.0)
    shown[:, 1] = np.random.default_rng(1).permutation(shown[:, 1])
    assert spread(filmed, shown) == {"glass_to_glass_p50_ms": None, "glass_to_glass_p95_ms": None}
