"""Phones as numbers: what a learned stage is told of the text, in step with the columns of `models.audio`."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import UInt8

from models.motion.stage import Phone

PHONES: Final = (
    "SIL",
    "AA", "AE", "AH", "AO", "AW", "AX", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH",
    "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W",
    "Y", "Z", "ZH",
)  # fmt: skip
"""Phones by their id less 1; id 0 means that none is known. `AX` is the unstressed `AH`."""
COLUMN_S: Final = 0.01

_IDS: Final = {symbol: i for i, symbol in enumerate(PHONES, 1)}


def phone_id(phone: Phone) -> int:
    """Return the phone's id; 0 for a symbol outside ARPAbet."""
    return _IDS.get("AX" if phone.symbol == "AH" and phone.stress == 0 else phone.symbol, 0)


def phone_columns(phones: Sequence[Phone], first_column: int, columns: int) -> UInt8[np.ndarray, "columns"]:
    """Return the phone that sounds in the middle of each 10 ms column.

    Args:
        phones: Sounds of one utterance in the order of their times, in utterance time.
        first_column: Of the utterance; may lie before its start.
        columns: How many.
    """
    ids = np.zeros(columns, np.uint8)
    middle_s = (first_column + 0.5) * COLUMN_S
    index = max(0, bisect_right(phones, middle_s, key=lambda phone: phone.start_s) - 1)
    end_s = middle_s + columns * COLUMN_S
    while index < len(phones) and phones[index].start_s < end_s:
        phone = phones[index]
        # A column belongs to the phone that holds its middle, and half a column is rounded away.
        begin = max(0, int(np.ceil(phone.start_s / COLUMN_S - 0.5)) - first_column)
        end = max(0, int(np.ceil(phone.end_s / COLUMN_S - 0.5)) - first_column)
        ids[begin:end] = phone_id(phone)
        index += 1
    return ids
