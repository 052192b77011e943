"""The clock that paces a session: the event loop's own, so that a virtual loop paces it too."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now_s(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    async def sleep_until(self, when_s: float) -> None:
        """Return at `when_s`, or at once when that has passed."""
        ...


class LoopClock:
    """`Clock` of the running event loop."""

    def now_s(self) -> float:
        """Return `loop.time()` of the running loop."""
        return asyncio.get_running_loop().time()

    async def sleep_until(self, when_s: float) -> None:
        """Sleep until the loop's time is `when_s`; yields to other tasks even when that has passed."""
        await asyncio.sleep(max(0.0, when_s - self.now_s()))
