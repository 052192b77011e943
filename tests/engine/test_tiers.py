import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tiers import TierController, TierRules
from models.picture import Tier


def play(cost_s, length_s, controller=None, begin_s=0.0):
    """Run a controller for so long; return it and the tier of each frame.

    Args:
        cost_s: tells from tier and time how long a picture takes.
    """
    controller = controller or TierController()
    tiers = []
    for frame in range(int(length_s * 25)):
        now_s = begin_s + frame * 0.04
        if controller.wants_picture(frame, now_s):
            controller.observe(cost_s(controller.tier, now_s), now_s)
        tiers.append(controller.tier)
    return controller, tiers


def changes(tiers):
    return sum(a != b for a, b in itertools.pairwise(tiers))


@pytest.mark.parametrize(
    ("full_s", "warp_s", "tier"),
    [
        (0.005, 0.005, Tier.FULL),
        (0.037, 0.010, Tier.FULL),
        (0.045, 0.010, Tier.WARP),
        (0.200, 0.035, Tier.WARP),
        (0.200, 0.050, Tier.SPARSE),
        (0.200, 0.070, Tier.SPARSE),
        (0.200, 0.090, Tier.STILL),
        (2.000, 1.000, Tier.STILL),
    ],
)
def test_each_cost_has_its_tier(full_s, warp_s, tier):
    _, tiers = play(lambda tier, _: full_s if tier == Tier.FULL else warp_s, 600)
    settled = tiers[-2500:]
    assert settled.count(tier) > 0.97 * len(settled)


def test_it_falls_no_lower_than_its_rules_say_and_rises_from_there():
    controller = TierController(TierRules(lowest=Tier.SPARSE))
    play(lambda *_: 0.5, 30, controller)
    assert controller.tier == Tier.SPARSE
    play(lambda *_: 0.01, 60, controller, begin_s=30)
    assert controller.tier == Tier.FULL


def test_it_falls_within_a_second():
    controller = TierController()
    play(lambda *_: 0.01, 60, controller)
    _, tiers = play(lambda tier, _: 0.045 if tier == Tier.FULL else 0.01, 1, controller, begin_s=60)
    assert tiers[-1] == Tier.WARP


def test_a_hiccup_changes_nothing():
    hiccups = random.Random(1)
    _, tiers = play(lambda *_: 0.4 if hiccups.random() < 0.05 else 0.02, 600)
    assert changes(tiers) == 0


def test_it_comes_back_when_the_load_is_gone():
    controller = TierController()
    _, loaded = play(lambda *_: 0.5, 60, controller)
    assert loaded[-1] == Tier.STILL
    _, free = play(lambda *_: 0.01, 60, controller, begin_s=60)
    assert free[-1] == Tier.FULL
    assert [tier for tier, before in zip(free, [None, *free], strict=False) if tier != before] == [
        Tier.STILL, Tier.SPARSE, Tier.WARP, Tier.FULL,
    ]  # fmt: skip


def test_a_machine_between_two_tiers_settles():
    """FULL never holds and WARP is cheap: FULL is tried again ever more rarely."""
    _, tiers = play(lambda tier, _: 0.05 if tier == Tier.FULL else 0.01, 600)
    assert changes(tiers[:1500]) <= 14
    assert changes(tiers[-2500:]) <= 4


def test_a_tier_that_proved_itself_is_tried_soon_again():
    controller = TierController()
    play(lambda tier, _: 0.05 if tier == Tier.FULL else 0.01, 300, controller)
    play(lambda *_: 0.01, 120, controller, begin_s=300)
    assert controller.tier == Tier.FULL
    play(lambda tier, _: 0.05 if tier == Tier.FULL else 0.01, 1, controller, begin_s=420)
    assert controller.tier == Tier.WARP
    _, tiers = play(lambda *_: 0.01, 5, controller, begin_s=421)
    assert tiers[-1] == Tier.FULL


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 0.2), st.floats(0.0, 0.2), st.integers(0, 1000))
def test_no_cost_makes_it_swing(full_s, warp_s, seed):
    noise = random.Random(seed)

    def cost_s(tier, _):
        return (full_s if tier == Tier.FULL else warp_s) * noise.uniform(0.9, 1.1)

    _, tiers = play(cost_s, 600)
    assert changes(tiers[-7500:]) <= 24


def test_sparse_draws_every_second_frame_and_still_almost_none():
    sparse = TierController(tier=Tier.SPARSE)
    assert [sparse.wants_picture(frame, 0.0) for frame in range(4)] == [True, False, True, False]
    _, tiers = play(lambda *_: 1.0, 20, still := TierController(tier=Tier.STILL))
    assert set(tiers) == {Tier.STILL}
    assert not still.wants_picture(7, 19.9)
    assert not still.promises_picture(8)


def test_rules_can_be_changed():
    controller = TierController(TierRules(window=2))
    controller.observe(0.1, 0.0)
    assert controller.observe(0.1, 0.04) == Tier.WARP
