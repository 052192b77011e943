"""From bytes to residuals, compiled: packets are read between two pictures, soon and without the GIL.

The mirror of `streaming.motion.coder` and `streaming.motion.residuals`, which write.
"""

from typing import Final

import numpy as np
from jaxtyping import Int32, Int64, UInt8
from numba import njit

from streaming.motion.channels import GROUP, PARENT
from streaming.motion.coder import ADAPTATION, CHANCE_BITS, MASK, STATE_BITS, TOP
from streaming.motion.errors import MotionStreamError
from streaming.motion.residuals import GOLOMB, MOVES, SIGN, SIZE, SPANS, UNARY, ZERO

_GROUP: Final = np.array(GROUP, np.int64)
_PARENT: Final = np.array(PARENT, np.int64)
_RANGE, _CODE, _AT = range(3)
"""Places in a reader's state: range, code, and the next byte to be read."""


def read_residuals(
    data: UInt8[np.ndarray, "bytes"],
    chances: Int64[np.ndarray, "contexts"],
    rows: Int32[np.ndarray, "rows 98"],
    ends: Int64[np.ndarray, "3"],
) -> None:
    """Read residuals in quantiser steps into `rows`, which are zeros; `chances` learn.

    Args:
        data: what follows a packet's header; its end is followed by zeros.
        chances: of each context, in 1/65536.
        rows: of all spans, one after the other: `FIRST`, `LATER`, `ECHO`.
        ends: where each span ends in them.

    Raises:
        MotionStreamError: no writer makes such bytes, or some are left over.
    """
    state = np.array([MASK, int.from_bytes(bytes(data[:4]).ljust(4, b"\0")), 4], np.int64)
    if state[_CODE] == MASK:
        raise MotionStreamError("the packet begins with bytes that no writer makes")
    _read(state, data, chances, rows, ends, _GROUP, _PARENT)
    if state[_AT] < len(data) or (len(data) and data[-1] == 0):
        raise MotionStreamError("the packet goes on after its last frame")


@njit(cache=True, nogil=True)
def _read(state, data, chances, rows, ends, groups, parents):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for channel in range(rows.shape[1]):
        begin = 0
        for span in range(SPANS):
            if ends[span] > begin:
                part = rows[begin : ends[span]]
                place = SPANS * groups[channel] + span
                at = MOVES + 3 * (SPANS * channel + span)
                _channel(state, data, chances, part, channel, parents[channel], at, place)
            begin = ends[span]


@njit(cache=True, nogil=True)
def _channel(state, data, chances, rows, channel, parent, at, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    moved = 0
    if parent >= 0:
        moved = 1
        for row in rows:
            if row[parent] != 0:
                moved = 2
    if not _bit(state, data, chances, at + moved):
        return
    before = 0
    for row in rows:
        above = 0 if parent < 0 else row[parent]
        before = _value(state, data, chances, place, before, above, len(rows) == 1)
        row[channel] = before


@njit(cache=True, nogil=True)
def _value(state, data, chances, place, before, above, is_sure):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    near = 3 * min(abs(before), 2) + min(abs(above), 2)
    if not is_sure and not _bit(state, data, chances, ZERO + 9 * place + near):
        return 0
    ways = 3 * (0 if before == 0 else 1 if before > 0 else 2) + (0 if above == 0 else 1 if above > 0 else 2)
    is_negative = _bit(state, data, chances, SIGN + 9 * place + ways)
    size = 1
    while size <= UNARY and _bit(state, data, chances, SIZE + UNARY * place + size - 1):
        size += 1
    if size > UNARY:
        length, number = 0, 1
        while length < GOLOMB and _plain(state, data):
            length += 1
        for _ in range(length):
            number = number << 1 | _plain(state, data)
        size += number - 1
    return -size if is_negative else size


@njit(cache=True, nogil=True)
def _bit(state, data, chances, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    chance = chances[index]
    bit = _narrow(state, data, (state[_RANGE] >> CHANCE_BITS) * (chance >> (STATE_BITS - CHANCE_BITS)))
    chances[index] = chance - (chance >> ADAPTATION) if bit else chance + ((65536 - chance) >> ADAPTATION)
    return bit


@njit(cache=True, nogil=True)
def _plain(state, data):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return _narrow(state, data, state[_RANGE] >> 1)


@njit(cache=True, nogil=True)
def _narrow(state, data, bound):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    bit = 0
    if state[_CODE] >= bound:
        bit = 1
        state[_CODE] -= bound
        state[_RANGE] -= bound
    else:
        state[_RANGE] = bound
    while state[_RANGE] < TOP:
        byte = np.int64(data[state[_AT]]) if state[_AT] < len(data) else 0
        state[_CODE] = state[_CODE] << 8 | byte
        state[_RANGE] <<= 8
        state[_AT] += 1
    return bit
