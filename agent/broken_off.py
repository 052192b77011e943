"""Keeps an answer that was cut off, for as long as it could go on."""

import asyncio

from agent.reply import BrokenOff


class Kept:
    """At most one answer. Make it inside a running loop; `drop` at the end.

    Args:
        within_s: how long an answer can go on after it was cut off; 0 keeps none.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._loop = asyncio.get_running_loop()
        self._kept: BrokenOff | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def fresh(self) -> BrokenOff | None:
        """The answer, while it can go on."""
        kept = self._kept
        return kept if kept is not None and self._loop.time() - kept.at_s < self._within_s else None

    def keep(self, broken: BrokenOff) -> None:
        """Keep an answer; its thought is closed when it does not go on in time."""
        self._kept = broken
        # Nobody waits for a thought that was stopped; whoever drops it does.
        self._timer = self._loop.call_later(self._within_s, broken.thought.stop)

    def take(self) -> BrokenOff | None:
        """Return the answer if it can go on; it is the caller's to close."""
        fresh = self.fresh
        if fresh is not None:
            self._forget()
        return fresh

    async def drop(self) -> None:
        """Give the answer up, if there is one."""
        kept = self._kept
        self._forget()
        if kept is not None:
            await kept.thought.aclose()

    def _forget(self) -> None:
        self._kept = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
