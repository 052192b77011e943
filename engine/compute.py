"""Where the work of motion and pictures is done: one pool of threads shared by all sessions.

Error tree: `ComputeBusyError`, a `RuntimeError`: one caller left too many jobs waiting.
"""

import asyncio
import functools
import inspect
import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from engine.workers import worker_pool

P = ParamSpec("P")
T = TypeVar("T")

LANE_LIMIT: Final = 4
"""Jobs that may wait in one lane. A session waits for its jobs, at most one each of motion and picture,
so a longer lane means that a caller does not wait for what it asked."""


class ComputeBusyError(RuntimeError):
    """A lane is full: its owner hands in jobs without waiting for them."""


class Compute(Protocol):
    """Runs functions that take milliseconds, so that the event loop never does."""

    async def run(self, fn: Callable[..., T], *args: Any, lane: object = None) -> T:
        """Return `fn(*args)`. Lanes (one for each session) get their turns one after another.

        Raises:
            ComputeBusyError: when the lane has no place for another waiting job.
        """
        ...

    def stats(self) -> dict[str, float]:
        """Return `compute_depth` (jobs that wait), `compute_running` and `compute_busy_s` by name."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    call: Callable[[], Any]
    result: asyncio.Future[Any]


class ThreadCompute:
    """One executor for all sessions: lanes take turns, so a busy session cannot starve a quiet one.

    Belongs to one event loop. Close it after the sessions that use it.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Start with `workers` threads; by default one per core, and at least two.

        Two, because a motion chunk must not hold up the picture that is due.
        """
        self._workers = workers or max(2, os.cpu_count() or 1)
        self._executor = worker_pool(self._workers, "compute")
        self._lanes: OrderedDict[object, deque[_Job]] = OrderedDict()
        self._running = 0
        self._busy_s = 0.0

    @property
    def workers(self) -> int:
        """Number of threads."""
        return self._workers

    async def run(self, fn: Callable[..., T], *args: Any, lane: object = None) -> T:
        """Return `fn(*args)` from a thread. See `Compute.run`."""
        waiting = self._lanes.setdefault(lane, deque())
        if len(waiting) >= LANE_LIMIT:
            raise ComputeBusyError(f"{len(waiting)} jobs of one caller wait already; await them first")
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        waiting.append(_Job(lambda: fn(*args), result))
        self._start_jobs()
        return await result

    def stats(self) -> dict[str, float]:
        """Return what waits, what runs, and the seconds of work done so far."""
        return {
            "compute_depth": float(sum(len(jobs) for jobs in self._lanes.values())),
            "compute_running": float(self._running),
            "compute_busy_s": self._busy_s,
        }

    async def aclose(self) -> None:
        """Cancel what waits, finish what runs, end the threads. Safe to call twice."""
        for jobs in self._lanes.values():
            for job in jobs:
                job.result.cancel()
        self._lanes.clear()
        await asyncio.to_thread(self._executor.shutdown)

    def _start_jobs(self) -> None:
        while self._running < self._workers and (job := self._next_job()) is not None:
            self._running += 1
            work = asyncio.get_running_loop().run_in_executor(self._executor, timed(job.call))
            work.add_done_callback(lambda done, job=job: self._job_done(done, job))  # type: ignore[misc]

    def _next_job(self) -> _Job | None:
        """Take the first job of the lane whose turn it is; that lane is last in the next round."""
        while self._lanes:
            lane, jobs = self._lanes.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._lanes[lane] = jobs
            if not job.result.done():
                return job
        return None

    def _job_done(self, done: asyncio.Future[tuple[Any, float]], job: _Job) -> None:
        self._running -= 1
        error = None if done.cancelled() else done.exception()
        if not done.cancelled() and error is None:
            self._busy_s += done.result()[1]
        if not job.result.done():
            _settle(job.result, done, error)
        self._start_jobs()


def _settle(
    result: asyncio.Future[Any], done: asyncio.Future[tuple[Any, float]], error: BaseException | None
) -> None:
    if done.cancelled():
        result.cancel()
    elif error is not None:
        result.set_exception(error)
    else:
        result.set_result(done.result()[0])


def timed(fn: Callable[P, T]) -> Callable[P, tuple[T, float]]:
    """Make `fn` also return the real seconds it worked: a measure of the machine, not of time."""

    @functools.wraps(fn)
    def with_seconds(*args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
        started_s = time.perf_counter()
        value = fn(*args, **kwargs)
        return value, time.perf_counter() - started_s

    return with_seconds


class InlineCompute:
    """A `Compute` that works in the event loop itself: for virtual time, and for offline scripts.

    Args:
        cost_s: seconds of loop time that a call of this function takes; none by default.
    """

    def __init__(self, cost_s: Callable[[Callable[..., Any]], float] | None = None) -> None:
        self._cost_s = cost_s
        self._running = 0
        self._busy_s = 0.0

    async def run(self, fn: Callable[..., T], *args: Any, lane: object = None) -> T:
        """Return `fn(*args)`, after as long as it is said to take. See `Compute.run`."""
        self._running += 1
        try:
            cost_s = self._cost_s(inspect.unwrap(fn)) if self._cost_s else 0.0
            if cost_s:
                await asyncio.sleep(cost_s)
            self._busy_s += cost_s
            return fn(*args)
        finally:
            self._running -= 1

    def stats(self) -> dict[str, float]:
        """Return what runs and the seconds it was said to take; nothing ever waits."""
        return {
            "compute_depth": 0.0,
            "compute_running": float(self._running),
            "compute_busy_s": self._busy_s,
        }

    async def aclose(self) -> None:
        """Nothing to end."""
