"""An asyncio loop on virtual time: an hour of conversation passes in seconds, the same way each run.

The loop's clock stands still while anything is ready to run, and jumps to the next timer when nothing is.
Code that asks only `loop.time()`, and that waits only with asyncio, needs no change to run on it.
The idea is trio's autojump clock (https://trio.readthedocs.io/en/stable/reference-testing.html).
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

T = TypeVar("T")

STUCK_AFTER_S: Final = 30.0
"""Real seconds without a timer, a thread at work or a ready socket after which a loop counts as stuck."""


class StuckLoopError(RuntimeError):
    """Every task waits for something that no timer and no thread will bring."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose `time()` starts at 0 and jumps to the next timer when nothing is ready.

    While a thread of `run_in_executor` works, time stands still, so that real work takes no virtual time.
    Sockets are served, but a peer outside the loop's own process has no virtual time to answer in.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._threads_at_work = 0
        super().__init__(_JumpingSelector(self._may_jump, self._jump))

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """Run `func` in a thread, and hold virtual time until it is done."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)  # type: ignore[arg-type]
        self._threads_at_work += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self._threads_at_work -= 1

    def _may_jump(self) -> bool:
        return self._threads_at_work == 0

    def _jump(self, seconds: float) -> None:
        self._now_s += seconds


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that turns waiting into a jump of the clock."""

    def __init__(self, may_jump: Callable[[], bool], jump: Callable[[float], None]) -> None:
        super().__init__()
        self._may_jump = may_jump
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; when nothing is and nobody works in a thread, jump by `timeout`.

        Raises:
            StuckLoopError: when there is no timer to jump to and nothing becomes ready.
        """
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None and self._may_jump():
            self._jump(timeout)
            return ready
        ready = super().select(STUCK_AFTER_S)
        if not ready and self._may_jump():
            raise StuckLoopError(
                f"nothing became ready in {STUCK_AFTER_S:.0f} real seconds, and no timer is set"
            )
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a fresh `VirtualTimeLoop`, as `asyncio.run` would.

    Args:
        main: what to run.

    Returns:
        What `main` returns.

    Raises:
        StuckLoopError: when every task waits for something that will never come.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
