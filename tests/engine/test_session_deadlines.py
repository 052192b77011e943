"""What a session draws when there is not time for everything: the present, with less in it."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from engine.compute import InlineCompute
from engine.pace import KEPT, Pace
from engine.packets import MEDIA_RATE_HZ
from models.motion.stage import StillMotion
from models.picture import BoxPicture, Tier
from tests.engine.helpers import open_session, seconds, take

pytestmark = pytest.mark.virtual_time


class NumberedMotion(StillMotion):
    """`StillMotion` whose frames say how many came before them."""

    def step(self, chunk, state):
        frames, after = super().step(chunk, state)
        for number, frame in enumerate(frames, state):
            frame.expression[0] = number
        return frames, after


class NumberedPicture(BoxPicture):
    """`BoxPicture` whose corner holds the number of the frame that it shows, and the tier it was drawn in."""

    def step(self, motion, state, tier):
        number = int(motion.expression[0])
        picture, state = super().step(replace(motion, expression=motion.expression * 0), state, tier)
        picture[0, 0] = [number // 256, number % 256, tier]
        return picture, state


class TieredCompute(InlineCompute):
    """Pictures take loop time by the tier they are drawn in; in FULL, what `full_s` says next."""

    def __init__(self, full_s, warp_s):
        super().__init__()
        self.full_s, self.warp_s = full_s, warp_s

    async def run(self, fn, *args, lane=None):
        if "Picture" in fn.__qualname__:
            await asyncio.sleep(self.full_s() if args[-1] == Tier.FULL else self.warp_s)
        return await super().run(fn, *args, lane=lane)


def open_numbered(full_s, warp_s, **config):
    compute = TieredCompute(full_s if callable(full_s) else lambda: full_s, warp_s)
    return open_session(NumberedMotion(), NumberedPicture(), compute, **config)


def frames_late(packets):
    """Return how many frames old each packet's picture is."""
    corners = np.array([packet.picture[0, 0] for packet in packets], int)
    return np.array([packet.index for packet in packets]) - (256 * corners[:, 0] + corners[:, 1])


def drawn_in(packets):
    return [Tier(int(packet.picture[0, 0, 2])) for packet in packets]


async def test_pictures_that_all_take_too_long_show_the_present():
    async with open_numbered(0.055, 0.055, tier=Tier.FULL) as session:
        session.push_audio(seconds(8.0), MEDIA_RATE_HZ)
        packets = (await take(session, 180))[20:]
    late = frames_late(packets)
    assert 0.2 < np.mean([packet.late for packet in packets]) < 0.6, "what is given up is counted"
    assert late.max() <= 1, "a picture stands for one frame more, and none comes late"
    assert np.mean(late == 0) > 0.5


async def test_what_is_slow_for_a_moment_is_drawn_with_less_and_in_time():
    costs = iter([0.02] * 60 + [0.09] * 4 + [0.02] * 1000)
    async with open_numbered(lambda: next(costs), 0.008) as session:
        session.push_audio(seconds(8.0), MEDIA_RATE_HZ)
        packets = await take(session, 190)
    assert sum(packet.late for packet in packets) <= 1
    assert frames_late(packets).max() <= 1
    assert 1 <= drawn_in(packets).count(Tier.WARP) <= 12
    assert set(drawn_in(packets[120:])) == {Tier.FULL}


async def test_a_packet_says_in_which_tier_its_picture_was_drawn():
    costs = iter([0.02] * 60 + [0.09] * 4 + [0.02] * 1000)
    async with open_numbered(lambda: next(costs), 0.008) as session:
        session.push_audio(seconds(8.0), MEDIA_RATE_HZ)
        packets = [packet for packet in await take(session, 190) if not packet.late]
    assert [packet.tier for packet in packets] == drawn_in(packets)


async def test_pictures_drawn_with_less_do_not_hide_that_the_tier_does_not_hold():
    async with open_numbered(0.045, 0.008) as session:
        session.push_audio(seconds(12.0), MEDIA_RATE_HZ)
        packets = await take(session, 250)
    assert sum(packet.late for packet in packets) <= 3
    assert set(drawn_in(packets[100:150])) == {Tier.WARP}
    assert session.stats()["tier"] == Tier.WARP


def test_nothing_is_expected_before_the_first_picture():
    assert Pace().expected_s(Tier.FULL) == 0.0
    assert Pace().best_within(-1.0) == Tier.FULL


def test_one_slow_picture_is_no_reason_to_draw_less():
    pace = Pace()
    for taken_s in [0.02] * (KEPT - 1) + [0.2]:
        pace.note(Tier.FULL, taken_s)
    assert pace.best_within(0.025) == Tier.FULL


def test_what_was_too_slow_is_tried_again():
    pace = Pace()
    for _ in range(KEPT):
        pace.note(Tier.FULL, 0.2)
    tiers = [pace.best_within(0.1) for _ in range(KEPT + 1)]
    assert tiers == [Tier.WARP] * KEPT + [Tier.FULL]
