import asyncio

import numpy as np
import pytest

from engine.compute import ThreadCompute
from engine.packets import MEDIA_RATE_HZ
from models.motion.diffusion.stage import DiffusionMotion
from models.picture import BoxPicture
from tests.engine.helpers import Events, heard, open_session, seconds, take

pytestmark = pytest.mark.virtual_time


async def test_sessions_share_threads_and_nothing_else():
    """Several on one thread: each is on time, says its own words, and moves as it would alone."""
    compute = ThreadCompute(workers=1)
    motion = DiffusionMotion()

    async def talk(seed):
        pcm = seconds(1.0, seed)
        async with open_session(motion, BoxPicture(32), compute, seed=seed) as session:
            session.push_audio(pcm, MEDIA_RATE_HZ)
            session.end_segment()
            packets = await take(session, 50)
            assert session.stats()["late_frames"] == 0
        np.testing.assert_array_equal(heard(packets, 1), pcm)
        return [packet.picture for packet in packets]

    alone = await talk(3)
    together = await asyncio.gather(*(talk(seed) for seed in (2, 3, 4)))
    np.testing.assert_array_equal(together[1], alone)
    await compute.aclose()


async def test_a_session_that_leaves_disturbs_no_other():
    compute = ThreadCompute(workers=1)
    staying, leaving = (open_session(compute=compute) for _ in range(2))
    staying.push_audio(seconds(2.0), MEDIA_RATE_HZ)
    await asyncio.gather(take(staying, 20), take(leaving, 20))
    await leaving.aclose()
    packets = await take(staying, 20)
    assert not any(packet.late for packet in packets)
    assert compute.stats()["compute_depth"] == 0
    await staying.aclose()
    await compute.aclose()


async def test_a_subscriber_may_clear_and_push_while_it_is_told():
    async with open_session() as session:
        events = Events(session)

        def answer_back(event):
            if event in events.started and event.segment == 1:
                session.clear()
                session.push_audio(seconds(0.2), MEDIA_RATE_HZ)
                session.end_segment()

        session.subscribe(answer_back)
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        packets = await take(session, 20)
    assert [(event.segment, event.interrupted) for event in events.finished] == [(1, True), (2, False)]
    assert [event for packet in packets for event in packet.finished] == events.finished
