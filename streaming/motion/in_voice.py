"""Packets of motion at the end of the voice's packets, which are sent anyway: no headers, no waiting.

The layout is specified in docs/motion-stream.md; `streaming/page/voice-worker.js` is the twin that writes.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

from streaming.motion.errors import MotionStreamError

RIDERS_MAX: Final = 3
"""Packets of motion in one of voice."""
RIDER_MAX_BYTES: Final = 255
"""A longer packet takes the data channel."""


def join(voice: bytes, riders: Sequence[bytes]) -> bytes:
    """Return a packet of voice that carries these of motion.

    Raises:
        ValueError: there are too many, or one is empty or too long.
    """
    if len(riders) > RIDERS_MAX or any(not 0 < len(rider) <= RIDER_MAX_BYTES for rider in riders):
        raise ValueError(f"a voice carries {RIDERS_MAX} packets of 1 to {RIDER_MAX_BYTES} bytes at most")
    return b"".join((voice, *riders, bytes(map(len, riders)), bytes((len(riders),))))


def split(payload: bytes) -> tuple[bytes, list[bytes]]:
    """Return the voice, and the packets of motion it carried.

    Raises:
        MotionStreamError: this is no such packet.
    """
    count = payload[-1] if payload else RIDERS_MAX + 1
    end = len(payload) - 1 - count
    sizes = payload[max(end, 0) : -1]
    begin = end - sum(sizes)
    if count > RIDERS_MAX or len(sizes) != count or 0 in sizes or begin < 0:
        raise MotionStreamError(f"{len(payload)} bytes that are no voice with motion")
    edges = list(accumulate(sizes, initial=begin))
    return payload[:begin], [payload[at:to] for at, to in pairwise(edges)]
