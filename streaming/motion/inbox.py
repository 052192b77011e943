"""What waits at one end of a call: bounded queues that count what they drop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar

from streaming.motion.carrier import Message

IN_MAX: Final = 64
"""Packets that may wait to be read: ten seconds of them."""
MESSAGES_MAX: Final = 64
"""Messages that may wait to be read; who reads none for so long is gone."""

T = TypeVar("T")


class Waiting(Generic[T]):
    """A queue of which the oldest gives way. One reader at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Keep an item; where there is no place, the oldest goes and is counted."""
        if len(self._items) == self._most:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._news.set()

    def end(self, *, ended: bool = True) -> None:
        """Let the reader's iteration end once all is read; or, with False, let a next one begin."""
        self._ended = ended
        self._news.set()

    async def get(self) -> T | None:
        """Return the next item, or None at the end."""
        while not self._items and not self._ended:
            self._news.clear()
            await self._news.wait()
        return self._items.popleft() if self._items else None

    async def read(self) -> AsyncIterator[T]:
        """Yield items until the end."""
        while (item := await self.get()) is not None:
            yield item


class Inbox:
    """What came from the other end: motion and sound, which end when it goes offline, and messages."""

    def __init__(self) -> None:
        self.packets: Waiting[bytes] = Waiting(IN_MAX)
        self.voices: Waiting[bytes] = Waiting(IN_MAX)
        self.messages: Waiting[Message] = Waiting(MESSAGES_MAX)

    def hear(self, message: Message) -> None:
        """Keep a message; presence ends motion and sound, and begins them again."""
        if message.kind == "presence":
            for packets in (self.packets, self.voices):
                packets.end(ended=message.body == b"offline")
        self.messages.put(message)

    def close(self) -> None:
        """End both."""
        self.packets.end()
        self.voices.end()
        self.messages.end()

    def stats(self) -> dict[str, float]:
        """Return depths and drops."""
        return {
            "carrier_in_packets": len(self.packets) + len(self.voices),
            "carrier_in_dropped_packets": self.packets.dropped + self.voices.dropped,
            "carrier_in_messages": len(self.messages),
            "carrier_in_dropped_messages": self.messages.dropped,
        }
