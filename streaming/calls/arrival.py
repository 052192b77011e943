"""When a stream's moments come: how long the way takes at best, and how unevenly.

Neither the sender's clock nor the length of the way is known. Their sum is: the least time from a moment of
the stream to its arrival. What comes later than that, against it, is the unevenness that a delay has to
cover.
"""

from collections import deque
from typing import Final

KEPT: Final = 250
"""Arrivals that are remembered at most: five seconds of voice in pieces of 20 ms, ten of motion in frames."""
COVERED: Final = 0.95
"""Part of the arrivals that a delay should cover; what is later is bridged."""

COVERED_MOST_S: Final = 0.5
"""No line makes anybody wait longer; what is later is lost."""


class Arrivals:
    """The arrivals of one stream. Times in seconds: `at_s` on the stream's own clock, `now_s` on ours."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=KEPT)
        self._needs: deque[float] = deque(maxlen=KEPT)
        self._last_s: float | None = None

    def __bool__(self) -> bool:
        return bool(self._offsets)

    def note(self, begin_s: float, end_s: float, now_s: float) -> None:
        """Note that what lies between two moments of the stream came now."""
        self._offsets.append(now_s - end_s)
        self._needs.append(now_s - begin_s)
        self._last_s = now_s

    def forget(self) -> None:
        """Begin anew with what came last: the way has become longer for good."""
        for kept in (self._offsets, self._needs):
            while len(kept) > 1:
                kept.popleft()

    @property
    def offset_s(self) -> float:
        """Our time less the stream's, for what came soonest. 0 before anything came."""
        return min(self._offsets, default=0.0)

    @property
    def needed_s(self) -> float:
        """How much later than the soonest arrival a moment must be played, for nearly all to be there.

        What came so late that no delay covers it does not count: after an outage a broker hands all of it on.
        """
        soonest_s = self.offset_s
        ordered = sorted(need for need in self._needs if need - soonest_s <= COVERED_MOST_S)
        return ordered[int(COVERED * (len(ordered) - 1))] - soonest_s if ordered else 0.0

    def silent_s(self, now_s: float) -> float:
        """Return how long nothing has come; endless before anything did."""
        return float("inf") if self._last_s is None else now_s - self._last_s
