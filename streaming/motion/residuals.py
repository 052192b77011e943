"""How a packet's residuals become bits: which channels move at all, then when, which way and how far.

Contexts are counted from residuals alone, so that a packet can be read without knowing any other.
"""

from typing import Final

from models.motion.frame import MOTION_SIZE
from streaming.motion.channels import GROUP, GROUPS, PARENT
from streaming.motion.coder import BitCoder

FIRST, LATER, ECHO = range(3)
"""Spans of a packet: the frame coded against rest, the frames against the one before, the repeated past."""
SPANS: Final = 3
UNARY: Final = 12
"""Sizes up to this are coded bit by bit; what is beyond in Exp-Golomb, at most `GOLOMB` bits of it."""
GOLOMB: Final = 14

MOVES: Final = 0
"""First context of the question whether a channel moves in a span; below: whether a value is 0, its sign, its
size."""
ZERO: Final = MOVES + 3 * SPANS * MOTION_SIZE
SIGN: Final = ZERO + 9 * SPANS * len(GROUPS)
SIZE: Final = SIGN + 9 * SPANS * len(GROUPS)
CONTEXTS: Final = SIZE + UNARY * SPANS * len(GROUPS)

Rows = list[list[int]]


def code_residuals(coder: BitCoder, chances: list[int], spans: tuple[Rows, Rows, Rows]) -> None:
    """Write `spans`; `streaming.motion.reading` is the mirror.

    Args:
        coder: A writer, or who counts.
        chances: `CONTEXTS` chances; they learn.
        spans: Rows of 98 residuals in quantiser steps: `FIRST`, `LATER`, `ECHO`.
    """
    for channel in range(MOTION_SIZE):
        for span, rows in enumerate(spans):
            if rows:
                _code_channel(coder, chances, channel, span, rows)


def _code_channel(coder: BitCoder, chances: list[int], channel: int, span: int, rows: Rows) -> None:
    """Code one channel's values in the rows of a span."""
    parent = PARENT[channel]
    moved = 0 if parent < 0 else 2 if any(row[parent] for row in rows) else 1
    at = MOVES + 3 * (SPANS * channel + span) + moved
    if not coder.bit(chances, at, int(any(row[channel] for row in rows))):
        return
    place, before = SPANS * GROUP[channel] + span, 0
    for row in rows:
        above = 0 if parent < 0 else row[parent]
        row[channel] = before = _code_value(
            coder, chances, place, row[channel], before, above, len(rows) == 1
        )


def _code_value(
    coder: BitCoder, chances: list[int], place: int, value: int, before: int, above: int, is_sure: bool
) -> int:
    """Code a value; `is_sure` when it cannot be 0, for it is the only one and it moves."""
    near = 3 * min(abs(before), 2) + min(abs(above), 2)
    if not is_sure and not coder.bit(chances, ZERO + 9 * place + near, int(value != 0)):
        return 0
    ways = 3 * _way(before) + _way(above)
    is_negative = coder.bit(chances, SIGN + 9 * place + ways, int(value < 0))
    size = 1
    while size <= UNARY and coder.bit(chances, SIZE + UNARY * place + size - 1, int(abs(value) > size)):
        size += 1
    if size > UNARY:
        size += _code_rest(coder, abs(value) - size)
    return -size if is_negative else size


def _way(value: int) -> int:
    return 0 if value == 0 else 1 if value > 0 else 2


def _code_rest(coder: BitCoder, rest: int) -> int:
    """Code a number from 0 on in Exp-Golomb of order 0; a reader passes any number."""
    number = max(rest, 0) + 1
    length, bits = number.bit_length() - 1, 0
    while bits < GOLOMB and coder.plain(int(bits < length)):
        bits += 1
    read = 1
    for shift in range(bits - 1, -1, -1):
        read = read << 1 | coder.plain(number >> shift & 1)
    return read - 1
