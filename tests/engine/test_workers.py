"""Worker threads step back for the event loop, and so does what they start."""

import os
import sys
import threading

import pytest

from engine.workers import STEP_BACK, worker_pool


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_workers_work_under_their_name():
    with worker_pool(2, "weaver") as pool:
        assert list(pool.map(abs, (-1, 2))) == [1, 2]
        assert pool.submit(lambda: threading.current_thread().name).result().startswith("weaver")


@pytest.mark.skipif(sys.platform != "linux", reason="a priority belongs to the whole process here")
def test_workers_and_their_threads_step_back_and_nobody_else():
    def below() -> list[int]:
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(_niceness()))
        thread.start()
        thread.join()
        return [_niceness(), *seen]

    before = _niceness()
    with worker_pool(1, "weaver") as pool:
        assert pool.submit(below).result() == 2 * [min(19, before + STEP_BACK)]
    assert _niceness() == before
