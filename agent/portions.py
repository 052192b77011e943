"""How much of a sentence a voice is given at once: what it can make before the sound runs out.

A voice makes a sentence whole, and on a busy machine a long one takes longer than the words before it sound.
Then a part of it is made first. A seam between two parts is heard less than a second of silence.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final

AHEAD_S: Final = 0.15
"""Sound that comes later than this before its time leaves a hole: a session plans a few frames ahead."""
HOLE_S: Final = 0.25
"""For a hole shorter than this no sentence is cut."""
LEAST_CHARS: Final = 24
"""Neither part is shorter: a second and a half of speech."""
OVERHEAD_CHARS: Final = 12
"""A part takes as long as if it had so many characters more."""
KEPT: Final = 3
"""Parts whose time is remembered; the slowest of them says what to expect."""
_CLAUSE: Final = re.compile(r"[,;:—–]+\s")
_SPACE: Final = re.compile(r"\s")


def _none_made() -> deque[float]:
    return deque(maxlen=KEPT)


@dataclass(slots=True)
class Portions:
    """Cuts sentences by how long the last ones took to be made."""

    _s_per_char: deque[float] = field(default_factory=_none_made)

    def note(self, text: str, taken_s: float) -> None:
        """Remember how long the voice took to make a text."""
        self._s_per_char.append(taken_s / (len(text) + OVERHEAD_CHARS))

    def first_of(self, text: str, waiting_s: float) -> str:
        """Return the part of `text` to be made next, up to a space; all of it where there is time.

        Args:
            text: what is left of a sentence.
            waiting_s: seconds of sound that are there and not heard yet.
        """
        slowest_s = max(self._s_per_char, default=0.0)
        left_s = max(0.0, waiting_s - AHEAD_S)
        if slowest_s * (len(text) + OVERHEAD_CHARS) <= left_s + HOLE_S:
            return text
        most = max(LEAST_CHARS, int(left_s / slowest_s) - OVERHEAD_CHARS)
        return text[: _cut(text, most)]


def _cut(text: str, most: int) -> int:
    """Return where a part of `most` characters ends: after the last clause or else word in it.

    Where not even one word more than the least fits, it ends there all the same.
    """
    clauses, words = ([found.end() for found in mark.finditer(text)] for mark in (_CLAUSE, _SPACE))
    possible = [end for end in words if LEAST_CHARS <= end <= len(text) - LEAST_CHARS]
    fitting = [end for end in possible if end <= most]
    whole = [end for end in fitting if end in clauses]
    return (whole or fitting or possible[:1] or [len(text)])[-1]
