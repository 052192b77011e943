"""Adaptive binary range coder: 32-bit range, carries resolved in the bytes already written.

After the coder of LZMA (Pavlov, https://www.7-zip.org/sdk.html), shortened for packets of some tens of
bytes: the first byte, always 0 there, is not written, and zeros at the end are left out and read as if there.
"""

from typing import Final, Protocol

from streaming.motion.errors import MotionStreamError

CHANCE_BITS: Final = 12
"""Precision a chance is coded with."""
STATE_BITS: Final = 16
"""Precision a chance is kept with."""
ADAPTATION: Final = 5
"""A chance moves by 1/32 of its distance with each bit."""
EVEN: Final = 1 << STATE_BITS - 1
"""Chance of a bit nothing is known of."""
_TOP: Final = 1 << 24
_MASK: Final = (1 << 32) - 1


class BitCoder(Protocol):
    """Writer and reader are called by the same code: what is written is returned, what is read too."""

    def bit(self, chances: list[int], index: int, bit: int) -> int:
        """Code one bit; `chances[index]`, the chance of 0 in 1/65536, learns. A reader ignores `bit`."""
        ...

    def plain(self, bit: int) -> int:
        """Code one bit that is 0 or 1 as often."""
        ...


def adapt(chances: list[int], index: int, bit: int) -> None:
    """Let a chance learn from a bit; it stays within 32..65504, so that no bit becomes impossible."""
    chance = chances[index]
    chances[index] = chance - (chance >> ADAPTATION) if bit else chance + (65536 - chance >> ADAPTATION)


class BitWriter:
    """`BitCoder` that makes bytes."""

    def __init__(self) -> None:
        self._low, self._range = 0, _MASK
        self._bytes = bytearray()

    def bit(self, chances: list[int], index: int, bit: int) -> int:
        """Write one bit, and learn."""
        self._narrow((self._range >> CHANCE_BITS) * (chances[index] >> STATE_BITS - CHANCE_BITS), bit)
        adapt(chances, index, bit)
        return bit

    def plain(self, bit: int) -> int:
        """Write one bit at its full cost."""
        self._narrow(self._range >> 1, bit)
        return bit

    def _narrow(self, bound: int, bit: int) -> None:
        if bit:
            self._low += bound
            self._range -= bound
        else:
            self._range = bound
        while self._range < _TOP:
            self._shift()
            self._range <<= 8

    def _shift(self) -> None:
        """Move the highest byte out; a carry goes into the bytes before it."""
        if self._low > _MASK:
            at = len(self._bytes) - 1
            while self._bytes[at] == 255:
                self._bytes[at] = 0
                at -= 1
            self._bytes[at] += 1
        self._bytes.append(self._low >> 24 & 255)
        self._low = self._low << 8 & _MASK

    def finish(self) -> bytes:
        """Return the shortest bytes that read back as what was written."""
        highest = self._low + self._range - 1
        for kept in (24, 16, 8, 0):
            value = highest >> kept << kept
            if value >= self._low:
                self._low = value
                break
        for _ in range(4):
            self._shift()
        return bytes(self._bytes).rstrip(b"\0")


class BitReader:
    """`BitCoder` that reads bytes; nearly any give some bits, and the end is followed by zeros.

    Raises:
        MotionStreamError: The first four bytes are 255; the code would not stay below the range.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 4
        self._range = _MASK
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"))
        if self._code == _MASK:
            raise MotionStreamError("the packet begins with bytes that no writer makes")

    @property
    def has_rest(self) -> bool:
        """Tell whether bytes were left unread."""
        return self._at < len(self._data)

    def bit(self, chances: list[int], index: int, bit: int = 0) -> int:
        """Read one bit, and learn."""
        bit = self._narrow((self._range >> CHANCE_BITS) * (chances[index] >> STATE_BITS - CHANCE_BITS))
        adapt(chances, index, bit)
        return bit

    def plain(self, bit: int = 0) -> int:
        """Read one bit that was written at its full cost."""
        return self._narrow(self._range >> 1)

    def _narrow(self, bound: int) -> int:
        bit = int(self._code >= bound)
        if bit:
            self._code -= bound
            self._range -= bound
        else:
            self._range = bound
        while self._range < _TOP:
            self._code = self._code << 8 | (self._data[self._at] if self._at < len(self._data) else 0)
            self._range <<= 8
            self._at += 1
        return bit
