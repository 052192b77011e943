"""What was told is told again, and heard once.

A broker that starts anew remembers nothing, and no broker keeps a message for whose line is broken just
then. So an end remembers what it told, and says it again to who comes; each message bears a mark, by which
the other end knows what it has heard.
"""

import os
from collections import deque
from typing import Final

from streaming.motion.carrier import Message

AGAIN_S: Final = 30.0
"""How old a `control` may be that is told again: longer than a broken line takes to be noticed and mended,
shorter than what was said to somebody else."""
MARKS_MAX: Final = 256
"""Messages that are remembered at either end."""
_END_BYTES: Final = 8
_NUMBER_BYTES: Final = 4


class Told:
    """What one end told. Time is an argument."""

    def __init__(self) -> None:
        self._end, self._count = os.urandom(_END_BYTES), 0
        self._controls: deque[tuple[float, bytes, Message]] = deque(maxlen=MARKS_MAX)
        self._kept: dict[str, tuple[bytes, Message]] = {}

    def note(self, message: Message, now_s: float) -> bytes:
        """Remember a message, and return its mark."""
        mark = self._end + self._count.to_bytes(_NUMBER_BYTES, "little")
        self._count += 1
        if message.kind == "control":
            self._controls.append((now_s, mark, message))
        else:
            self._kept[message.kind] = (mark, message)
        return mark

    def recent(self, now_s: float) -> list[tuple[bytes, Message]]:
        """Return what who comes now may have missed, the oldest first."""
        return [(mark, message) for at_s, mark, message in self._controls if now_s - at_s <= AGAIN_S]

    def kept(self) -> list[tuple[bytes, Message]]:
        """Return the card and the portrait told last, for a broker that may have forgotten them."""
        return list(self._kept.values())


class Heard:
    """What one end has heard."""

    def __init__(self) -> None:
        self._marks: deque[bytes] = deque(maxlen=MARKS_MAX)

    def is_new(self, mark: bytes | None) -> bool:
        """Return whether a message is heard for the first time; one without a mark always is."""
        if mark is None:
            return True
        is_new = mark not in self._marks
        if is_new:
            self._marks.append(mark)
        return is_new
