"""The event channel of a visit: what the room says before it opens waits, what does not fit is counted."""

import logging
from collections import deque
from collections.abc import Callable

from aiortc import RTCDataChannel

logger = logging.getLogger(__name__)

WAITING_MAX = 64
"""Events kept until the channel opens: some seconds of captions and states."""
BUFFER_MAX_BYTES = 256_000
"""Bytes the network may owe before events are dropped; a page that far behind is gone or hangs."""


class EventChannel:
    """Sends texts over a data channel that arrives later than the visit."""

    def __init__(self, on_message: Callable[[str | bytes], None]) -> None:
        self._on_message = on_message
        self._channel: RTCDataChannel | None = None
        self._waiting: deque[str] = deque()
        self.sent = 0
        self.dropped = 0
        """Texts that found the buffer full."""

    @property
    def depth(self) -> int:
        """Texts waiting for the channel to open."""
        return len(self._waiting)

    def attach(self, channel: RTCDataChannel) -> None:
        """Take the page's channel and send what waited."""
        self._channel = channel
        channel.on("message", self._on_message)
        while self._waiting:
            self.send(self._waiting.popleft())

    def send(self, text: str) -> None:
        """Send now, or keep for the opening; the oldest kept text makes place and is counted."""
        channel = self._channel
        if channel is None:
            if len(self._waiting) == WAITING_MAX:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(text)
        elif channel.readyState != "open" or channel.bufferedAmount > BUFFER_MAX_BYTES:
            self.dropped += 1
        else:
            channel.send(text)
            self.sent += 1
