"""Adaptive binary range coder: 32-bit range, carries resolved in the bytes already written.

After the coder of LZMA (Pavlov, https://www.7-zip.org/sdk.html), shortened for packets of some tens of
bytes: the first byte, always 0 there, is not written, and zeros at the end are left out and read as if there.
"""

from typing import Final, Protocol

CHANCE_BITS: Final = 12
"""Precision a chance is coded with."""
STATE_BITS: Final = 16
"""Precision a chance is kept with."""
ADAPTATION: Final = 5
"""A chance moves by 1/32 of its distance with each bit."""
EVEN: Final = 1 << STATE_BITS - 1
"""Chance of a bit nothing is known of."""
TOP: Final = 1 << 24
MASK: Final = (1 << 32) - 1


class BitCoder(Protocol):
    """Takes bits: a writer, or who counts them. `streaming.motion.reading` reads."""

    def bit(self, chances: list[int], index: int, bit: int) -> int:
        """Code one bit and return it; `chances[index]`, the chance of 0 in 1/65536, learns."""
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
        self._low, self._range = 0, MASK
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
        while self._range < TOP:
            self._shift()
            self._range <<= 8

    def _shift(self) -> None:
        """Move the highest byte out; a carry goes into the bytes before it."""
        if self._low > MASK:
            at = len(self._bytes) - 1
            while self._bytes[at] == 255:
                self._bytes[at] = 0
                at -= 1
            self._bytes[at] += 1
        self._bytes.append(self._low >> 24 & 255)
        self._low = self._low << 8 & MASK

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
