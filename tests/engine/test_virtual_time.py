import asyncio
import time

import pytest

from engine import virtual_time


@pytest.mark.virtual_time
async def test_an_hour_passes_at_once():
    loop = asyncio.get_running_loop()
    real = time.perf_counter()
    await asyncio.sleep(3600)
    assert loop.time() == pytest.approx(3600)
    assert time.perf_counter() - real < 5


@pytest.mark.virtual_time
async def test_timers_fire_in_order():
    fired = []

    async def wait(seconds):
        await asyncio.sleep(seconds)
        fired.append((seconds, asyncio.get_running_loop().time()))

    await asyncio.gather(wait(3), wait(1), wait(2))
    assert fired == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.virtual_time
async def test_time_stands_still_while_a_thread_works():
    timer = asyncio.create_task(asyncio.sleep(10))
    await asyncio.to_thread(time.sleep, 0.05)
    assert asyncio.get_running_loop().time() == 0
    await timer
    assert asyncio.get_running_loop().time() == 10


@pytest.mark.virtual_time
async def test_timeouts_are_virtual():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == 100


def test_run_returns_the_result():
    async def main():
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 5


def test_a_stuck_loop_says_so(monkeypatch):
    monkeypatch.setattr(virtual_time, "STUCK_AFTER_S", 0.01)

    async def main():
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.StuckLoopError, match="nothing became ready"):
        virtual_time.run(main())


async def test_other_tests_run_on_real_time():
    assert not isinstance(asyncio.get_running_loop(), virtual_time.VirtualTimeLoop)
