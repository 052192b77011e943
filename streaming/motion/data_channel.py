"""The data channel `motion` of a visit: packets both ways, unordered, none sent again.

What the other side's voice carried comes in here, too.
"""

from collections.abc import Callable
from typing import Final

from aiortc import RTCDataChannel

from streaming.motion.packet import PACKET_MAX_BYTES

LABEL: Final = "motion"
OWED_MAX_BYTES: Final = 4000
"""Bytes the network may owe before packets are dropped: later they would come too late for any player."""


class MotionChannel:
    """Packets of motion over a channel that arrives later than the visit."""

    def __init__(self, on_packet: Callable[[bytes], None]) -> None:
        self._on_packet = on_packet
        self._channel: RTCDataChannel | None = None
        self.sent = self.dropped = self.received = self.refused = 0
        """Packets; refused are texts, and what is longer than any packet."""

    def attach(self, channel: RTCDataChannel) -> None:
        """Take the other side's channel."""
        self._channel = channel
        channel.on("message", self.take)

    def send(self, packet: bytes) -> None:
        """Send a packet now, or drop it and count it."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > OWED_MAX_BYTES:
            self.dropped += 1
            return
        channel.send(packet)
        self.sent += 1

    def take(self, message: str | bytes) -> None:
        """Hand on what came, over the channel or with the voice."""
        if isinstance(message, str) or not 0 < len(message) <= PACKET_MAX_BYTES:
            self.refused += 1
            return
        self.received += 1
        self._on_packet(message)
