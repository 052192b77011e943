"""A portrayal on virtual time: sound every 40 ms whatever happens, pictures when they are ready."""

import asyncio

import numpy as np
import pytest

from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.packets import MEDIA_SAMPLES_PER_FRAME
from engine.portrayal import Heard, Portrayal
from models.motion.stage import SAMPLES_PER_FRAME, Presence, StillMotion
from models.picture import BoxPicture, Tier

pytestmark = pytest.mark.virtual_time


class Tone:
    """A voice that is loud from the tenth frame on and does not arrive from the thirtieth."""

    def __init__(self):
        self.count = 0

    def take(self, now_s):
        number, self.count = self.count, self.count + 1
        loud = 0.25 if 10 <= number < 30 else 0.0
        pcm = np.full(MEDIA_SAMPLES_PER_FRAME, number, np.int16)
        speech = np.full(SAMPLES_PER_FRAME, loud, np.float32)
        return Heard(pcm, speech, np.zeros(0, np.float32), 7.0 + number / 25, arrives=number < 30)


class Heeding(StillMotion):
    """Notes what it is asked."""

    def __init__(self):
        self.chunks = []

    def step(self, chunk, state):
        self.chunks.append(chunk)
        return super().step(chunk, state)


class Slow(InlineCompute):
    """Takes its time for pictures from the fifth job on, of all tiers or of some."""

    def __init__(self, seconds, tiers=tuple(Tier)):
        super().__init__()
        self._seconds, self._tiers, self._jobs = seconds, tiers, 0

    async def run(self, fn, *args, lane=None):
        self._jobs += 1
        if self._jobs > 10 and isinstance(args[-1], Tier) and args[-1] in self._tiers:
            await asyncio.sleep(self._seconds)
        return await super().run(fn, *args, lane=lane)


class Counting(BoxPicture):
    drawn = 0

    def step(self, motion, state, tier):
        self.drawn += 1
        return super().step(motion, state, tier)


class Failing(BoxPicture):
    def step(self, motion, state, tier):
        if state == 3:
            raise RuntimeError("broken")
        return super().step(motion, state, tier)


def portrayal(**changes):
    parts = {"voice": Tone(), "motion": StillMotion(), "picture": BoxPicture(), "compute": InlineCompute()}
    parts |= changes
    return Portrayal(
        parts.pop("voice"), parts.pop("motion"), parts.pop("picture"), clock=LoopClock(), **parts
    )


async def take(one, count):
    loop, packets, times = asyncio.get_running_loop(), [], []
    async for packet in one:
        packets.append(packet)
        times.append(loop.time())
        if len(packets) == count:
            break
    await one.aclose()
    return packets, np.array(times)


async def test_sound_and_picture_come_every_40_ms_with_the_voices_time():
    motion = Heeding()
    packets, times = await take(portrayal(motion=motion), 40)
    assert [packet.pcm[0] for packet in packets] == list(range(40))
    assert np.allclose(np.diff(times), 0.04, atol=1e-6)
    assert [packet.index for packet in packets] == list(range(40))
    assert motion.chunks[5].segment_s == pytest.approx(7.2)
    presences = [packet.presence for packet in packets]
    assert presences == [Presence.LISTENING] * 10 + [Presence.SPEAKING] * 20 + [Presence.IDLE] * 10
    dark = [(packet.picture == 20).mean() for packet in packets]
    assert max(dark[:10]) == 0 < min(dark[10:30])
    assert not any(packet.late for packet in packets)


async def test_a_slow_picture_is_shown_later_and_sound_never_waits():
    slow = portrayal(compute=Slow(0.06))
    packets, times = await take(slow, 60)
    assert [packet.pcm[0] for packet in packets] == list(range(60))
    assert times[-1] - times[0] < 59 * 0.04 + 0.035
    assert sum(packet.late for packet in packets) > 10
    assert slow.stats()["late_frames"] == sum(packet.late for packet in packets)
    assert max(packet.tier for packet in packets) >= Tier.WARP


async def test_sound_is_handed_on_before_its_picture_is_drawn():
    loop, heard = asyncio.get_running_loop(), []
    slow = portrayal(compute=Slow(0.03))
    slow.on_sound = lambda pcm, index: heard.append((pcm[0], index, loop.time()))
    packets, times = await take(slow, 40)
    assert [(pcm, index) for pcm, index, _ in heard] == [(p.pcm[0], p.index) for p in packets]
    heard_s = np.array([at_s for _, _, at_s in heard])
    np.testing.assert_allclose(np.diff(heard_s), 0.04, atol=1e-6)
    assert np.median(times - heard_s) == pytest.approx(0.03, abs=1e-6)


async def test_pictures_far_too_slow_are_shown_as_they_come():
    packets, times = await take(portrayal(compute=Slow(0.11)), 200)
    assert packets[-1].tier is Tier.SPARSE
    assert np.allclose(np.diff(times), 0.04, atol=0.035)
    assert len({id(packet.picture) for packet in packets[100:]}) > 0.25 * 100


async def test_a_learned_picture_that_just_misses_its_frame_gives_way_to_the_warp():
    packets, _ = await take(portrayal(compute=Slow(0.036, [Tier.FULL])), 80)
    assert packets[5].tier is Tier.FULL
    assert {packet.tier for packet in packets[40:60]} == {Tier.WARP}
    assert not any(packet.late for packet in packets[40:60])


async def test_the_best_tier_is_never_bettered():
    packets, _ = await take(portrayal(best=Tier.WARP), 5)
    assert {packet.tier for packet in packets} == {Tier.WARP}


async def test_whom_nobody_watches_is_heard_and_moves_and_is_not_drawn():
    motion, picture = Heeding(), Counting()
    one = portrayal(motion=motion, picture=picture)
    await anext(one)
    one.is_watched = False
    packets = [await anext(one) for _ in range(20)]
    assert picture.drawn == 1
    assert len(motion.chunks) == 21
    assert all(packet.picture is packets[0].picture for packet in packets)
    assert [packet.pcm[0] for packet in packets] == list(range(1, 21))
    one.is_watched = True
    await take(one, 5)
    assert picture.drawn == 6
    assert one.stats()["late_frames"] == 0


async def test_a_picture_that_fails_leaves_the_last_one(caplog):
    one = portrayal(picture=Failing())
    packets, _ = await take(one, 8)
    assert len(packets) == 8
    assert one.stats()["picture_errors"] > 0
    assert "could not be made" in caplog.text


async def test_who_sleeps_finds_the_present():
    one, packets = portrayal(), []
    async for packet in one:
        packets.append(packet)
        if len(packets) == 5:
            await asyncio.sleep(2.0)
        if len(packets) == 10:
            break
    assert packets[5].index - packets[4].index > 40
    assert one.stats()["skipped_frames"] > 40
    await one.aclose()


async def test_closing_lets_the_place_go_once():
    left = []
    one = portrayal(on_close=lambda: left.append(True))
    await anext(one)
    await one.aclose()
    await one.aclose()
    assert left == [True]
    with pytest.raises(StopAsyncIteration):
        await anext(one)
