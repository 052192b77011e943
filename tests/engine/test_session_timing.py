import asyncio
import gc
import tracemalloc

import numpy as np
import pytest

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from models.motion.frame import MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME
from models.picture import BoxPicture, Tier
from tests.engine.helpers import (
    SIZE,
    motion_cost,
    number_of,
    open_session,
    picture_cost,
    seconds,
    sound,
    take,
    take_until_quiet,
)

pytestmark = pytest.mark.virtual_time


def now_s():
    return asyncio.get_running_loop().time()


async def timed(session, count):
    return [(await anext(session), now_s()) for _ in range(count)]


async def test_packets_come_every_40_ms():
    async with open_session(compute=picture_cost(0.02)) as session:
        times = [time_s for _, time_s in await timed(session, 100)]
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-6)


async def test_the_first_packet_comes_when_the_first_picture_is_made():
    async with open_session(compute=picture_cost(0.7)) as session:
        packet = await anext(session)
        assert now_s() == pytest.approx(0.7)
        assert not packet.late


async def test_free_pacing_takes_no_time_and_waits_for_every_picture():
    async with open_session(compute=picture_cost(0.1), pacing="free") as session:
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        packets = await take(session, 50)
        assert now_s() == pytest.approx(5.0, abs=0.2)
        assert session.stats()["late_frames"] == 0
    assert [number_of(packet) for packet in packets] == list(range(1, 51))
    assert {packet.tier for packet in packets} == {Tier.FULL}


async def test_a_late_picture_is_counted_and_the_one_before_stays():
    slow = iter([0.0] * 10 + [0.09] + [0.0] * 100)
    pcm = seconds(2.0)
    async with open_session(compute=picture_cost(lambda: next(slow)), lead_frames=1) as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        packets, times = zip(*await timed(session, 30), strict=True)
        stats = session.stats()
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-6)
    played = sound(packets)
    np.testing.assert_array_equal(played[played != 0], pcm[: np.count_nonzero(played)])
    late = [packet.index for packet in packets if packet.late]
    assert len(late) == stats["late_frames"] > 0
    assert late == list(range(late[0], late[-1] + 1))
    before = number_of(packets[late[0] - 1])
    assert {number_of(packets[index]) for index in late} <= {before, before + 1}
    assert number_of(packets[-1]) > before + 10


async def test_lead_absorbs_a_slow_picture():
    slow = iter([0.01] * 10 + [0.07] + [0.01] * 100)
    async with open_session(compute=picture_cost(lambda: next(slow)), lead_frames=3) as session:
        session.push_audio(seconds(3.0), MEDIA_RATE_HZ)
        packets = await take(session, 50)
    assert not any(packet.late for packet in packets)


async def test_pictures_that_are_always_late_lower_the_tier_and_never_the_sound():
    pcm = seconds(8.0)
    async with open_session(compute=picture_cost(0.06)) as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        packets, times = zip(*await timed(session, 200), strict=True)
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-6)
    played = sound(packets)
    np.testing.assert_array_equal(
        played[: played.nonzero()[0][-1]][played[: played.nonzero()[0][-1]] != 0],
        pcm[: np.count_nonzero(played) - 1],
    )
    settled = packets[150:]
    assert {packet.tier for packet in settled} == {Tier.SPARSE}
    assert not any(packet.late for packet in settled)
    numbers = [number_of(packet) for packet in settled]
    assert len(set(numbers)) == pytest.approx(len(numbers) / 2, abs=1)


async def test_hopeless_pictures_leave_the_last_one_standing():
    async with open_session(compute=picture_cost(0.5)) as session:
        packets = await take(session, 1200)
    assert packets[-1].tier == Tier.STILL
    assert sum(packet.late for packet in packets[600:]) < 20


async def test_a_fixed_tier_stays():
    async with open_session(compute=picture_cost(0.06), tier=Tier.WARP) as session:
        packets = await take(session, 200)
    assert {packet.tier for packet in packets} == {Tier.WARP}


async def test_motion_that_is_too_slow_stops_neither_sound_nor_packets():
    pcm = seconds(2.0)
    async with open_session(compute=motion_cost(0.3)) as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        packets, times = zip(*await timed(session, 60), strict=True)
        stats = session.stats()
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-6)
    played = sound(packets)
    np.testing.assert_array_equal(played[played != 0], pcm)
    assert stats["unmoved_frames"] > 10
    assert stats["planned_frames"] < 10


@pytest.mark.parametrize("stall_s", [0.05, 0.2, 0.39])
async def test_a_short_stall_is_caught_up_with_every_packet(stall_s):
    async with open_session() as session:
        await take(session, 10)
        begin_s = now_s()
        await asyncio.sleep(stall_s)
        packets, times = zip(*await timed(session, 20), strict=True)
        assert session.stats()["skipped_frames"] == 0
    assert [packet.index for packet in packets] == list(range(10, 30))
    assert times[-1] == pytest.approx(begin_s + 20 * 0.04, abs=0.001)


async def test_a_long_stall_skips_media_time_and_no_speech():
    pcm = seconds(2.0)
    async with open_session() as session:
        session.push_audio(pcm, MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take(session, 20)
        planned = session.stats()["planned_frames"]
        await asyncio.sleep(60)
        assert session.stats()["planned_frames"] <= planned + 1
        packets += await take_until_quiet(session)
        skipped = session.stats()["skipped_frames"]
    assert skipped == pytest.approx(60 / 0.04, abs=3)
    played = sound(packets)
    np.testing.assert_array_equal(played[played != 0], pcm)
    assert packets[20].index - packets[19].index == skipped + 1
    assert packets[20].pts_samples / MEDIA_RATE_HZ == pytest.approx(
        now_s() - (len(packets) - 21) * 0.04, abs=0.05
    )


async def test_a_consumer_slower_than_real_time_is_bounded():
    async with open_session(input_limit_s=1000.0, lead_frames=2, chunk_frames=4) as session:
        session.push_audio(seconds(30.0), MEDIA_RATE_HZ)
        for _ in range(200):
            await anext(session)
            await asyncio.sleep(0.1)
            assert session.stats()["planned_frames"] <= 2 + 4
        stats = session.stats()
    assert stats["skipped_frames"] == pytest.approx(20.0 / 0.04 - 200, abs=15)
    assert stats["media_s"] == pytest.approx(20.0, abs=0.5)


class Mouth:
    """Open or shut, as quick as a stage can be."""

    def __init__(self):
        self.shut, self.open = MotionFrame.rest(), MotionFrame.rest()
        self.open.expression[24] = 1.0

    def init_state(self, seed):
        return None

    def step(self, chunk, state):
        loud = np.abs(chunk.pcm.reshape(-1, SAMPLES_PER_FRAME)).max(axis=1) > 0.01
        return [self.open if frame else self.shut for frame in loud], state


async def bursts(session, count):
    """Yield packets; 0.72 s of speech begin every five seconds."""
    burst = seconds(0.72)
    for number in range(1, count + 1):
        yield await anext(session)
        if number % 125 == 0:
            session.push_audio(burst, MEDIA_RATE_HZ)
            session.end_segment()


async def test_an_hour_keeps_sound_and_picture_together(unchecked):
    """A mouth is open in exactly the packets in which there is sound."""
    frames = 3600 * 25
    apart, objects = 0, []
    async with open_session(Mouth(), BoxPicture(SIZE), chunk_frames=8, idle_chunk_frames=8) as session:
        async for packet in bursts(session, frames):
            is_open = packet.picture[SIZE // 2, SIZE // 2, 0] == 20
            apart += bool(is_open) != bool(packet.segment)
            if packet.index in (2_000, frames - 1):
                gc.collect()
                objects.append(len(gc.get_objects()))
        stats = session.stats()
        assert now_s() == pytest.approx(3600 - 0.04, abs=0.001)
    assert packet.pts_samples == (frames - 1) * MEDIA_SAMPLES_PER_FRAME
    assert apart == 0
    assert objects[1] - objects[0] < 500
    assert stats["late_frames"] == stats["skipped_frames"] == stats["starved_frames"] == 0


async def test_memory_does_not_grow(unchecked):
    tracemalloc.start()
    snapshots = []
    async with open_session(Mouth(), BoxPicture(SIZE)) as session:
        async for packet in bursts(session, 1_001):
            if packet.index in (500, 1_000):
                gc.collect()
                snapshots.append(tracemalloc.take_snapshot())
    tracemalloc.stop()
    ours = [tracemalloc.Filter(True, "*/engine/*")]
    early, late = (snapshot.filter_traces(ours) for snapshot in snapshots)
    assert sum(difference.size_diff for difference in late.compare_to(early, "filename")) < 20_000
