"""Threads for work that may wait: they step back for the event loop, and for the browser beside it.

What cannot wait is sound: when its packets come late, a receiver plays it later from then on, and for some
seconds pictures are ahead of it. On a machine with a core for each of us priorities decide nothing.
"""

import functools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

STEP_BACK: Final = 3
"""Added to a worker's niceness: under full load it gets half of an ordinary thread's time."""
SMALL_STEP: Final = 1
"""The same for what somebody waits to hear: four fifths of an ordinary thread's time."""
_NICEST: Final = 19


def worker_pool(count: int, name: str, step: int = STEP_BACK) -> ThreadPoolExecutor:
    """Return a pool of `count` threads called `name`. Threads that are started by one of them are like it."""
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=functools.partial(_step_back, step))


def _step_back(step: int) -> None:
    # Elsewhere than on Linux a priority belongs to the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # Some sandboxes forbid it; then all threads are alike.
            niceness = os.getpriority(os.PRIO_PROCESS, thread) + step
            os.setpriority(os.PRIO_PROCESS, thread, min(niceness, _NICEST))
