import asyncio
import threading

import pytest

from engine.compute import LANE_LIMIT, ComputeBusyError, InlineCompute, ThreadCompute


@pytest.fixture(params=[ThreadCompute, InlineCompute])
async def compute(request):
    compute = request.param()
    yield compute
    await compute.aclose()


async def test_returns_what_the_function_returns(compute):
    assert await compute.run(divmod, 7, 3) == (2, 1)


async def test_raises_what_the_function_raises(compute):
    with pytest.raises(ZeroDivisionError):
        await compute.run(divmod, 1, 0)
    assert await compute.run(abs, -1) == 1


async def test_stats_have_the_same_names(compute):
    assert set(compute.stats()) == {"compute_depth", "compute_running", "compute_busy_s"}


async def test_works_in_a_thread():
    compute = ThreadCompute(workers=1)
    name = await compute.run(lambda: threading.current_thread().name)
    assert name.startswith("compute")
    await compute.aclose()


async def _blocked(compute):
    """Occupy the only worker; returns how to free it."""
    gate = threading.Event()
    task = asyncio.create_task(compute.run(gate.wait, lane="gate"))
    await asyncio.sleep(0)
    assert compute.stats()["compute_running"] == 1
    return gate, task


async def test_lanes_take_turns():
    compute = ThreadCompute(workers=1)
    gate, blocked = await _blocked(compute)
    order = []
    jobs = [asyncio.create_task(compute.run(order.append, f"a{i}", lane="a")) for i in range(3)]
    await asyncio.sleep(0)
    jobs.append(asyncio.create_task(compute.run(order.append, "b0", lane="b")))
    await asyncio.sleep(0)
    assert compute.stats()["compute_depth"] == 4
    gate.set()
    await asyncio.gather(blocked, *jobs)
    assert order == ["a0", "b0", "a1", "a2"]
    assert compute.stats()["compute_depth"] == 0
    await compute.aclose()


async def test_a_full_lane_is_an_error_and_other_lanes_are_not():
    compute = ThreadCompute(workers=1)
    gate, blocked = await _blocked(compute)
    jobs = [asyncio.create_task(compute.run(int, lane="a")) for _ in range(LANE_LIMIT)]
    await asyncio.sleep(0)
    with pytest.raises(ComputeBusyError, match="await them first"):
        await compute.run(int, lane="a")
    other = asyncio.create_task(compute.run(int, lane="b"))
    gate.set()
    await asyncio.gather(blocked, other, *jobs)
    await compute.aclose()


async def test_a_cancelled_job_is_never_started():
    compute = ThreadCompute(workers=1)
    gate, blocked = await _blocked(compute)
    ran = []
    job = asyncio.create_task(compute.run(ran.append, 1, lane="a"))
    await asyncio.sleep(0)
    job.cancel()
    gate.set()
    await blocked
    await asyncio.gather(job, return_exceptions=True)
    assert await compute.run(abs, -2) == 2
    assert ran == []
    await compute.aclose()


async def test_closing_cancels_what_waits():
    compute = ThreadCompute(workers=1)
    gate, blocked = await _blocked(compute)
    job = asyncio.create_task(compute.run(int, lane="a"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(compute.aclose())
    await asyncio.sleep(0)
    assert (await asyncio.gather(job, return_exceptions=True))[0].__class__ is asyncio.CancelledError
    gate.set()
    await asyncio.gather(blocked, closing)


@pytest.mark.virtual_time
async def test_inline_takes_the_time_it_is_said_to():
    compute = InlineCompute(cost_s=lambda fn: 0.25 if fn is abs else 0.0)
    loop = asyncio.get_running_loop()
    await compute.run(abs, -1)
    assert loop.time() == 0.25
    await compute.run(int)
    assert loop.time() == 0.25
