"""A bounded queue between a sender that never waits and a receiver that does."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds up to `limit` items; when full, the oldest that may be dropped is, and counted.

    Args:
        limit: how many items may wait.
        may_drop: which items may be given up; when none may, the oldest is.
    """

    def __init__(self, limit: int, may_drop: Callable[[T], bool] = lambda _: True) -> None:
        self._limit = limit
        self._may_drop = may_drop
        self._items: deque[T] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._dropped = 0

    @property
    def depth(self) -> int:
        """Items that wait."""
        return len(self._items)

    @property
    def dropped(self) -> int:
        """Items given up so far."""
        return self._dropped

    def put(self, item: T) -> None:
        """Add an item; does nothing once closed."""
        if self._closed:
            return
        if len(self._items) >= self._limit:
            del self._items[next((i for i, old in enumerate(self._items) if self._may_drop(old)), 0)]
            self._dropped += 1
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """End iteration after what waits."""
        self._closed = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield items as they come, until closed. For one receiver."""
        while True:
            while self._items:
                yield self._items.popleft()
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()
