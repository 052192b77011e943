"""How long the stages of turns took, over all visits: the page's latency panel as histograms."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from streaming.contract import Latency

BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Upper bounds; dense around the second within which an answer feels like one."""
STAGES_MAX: Final = 32
"""Different stages that are kept; a host has a handful."""


@dataclass(slots=True)
class Histogram:
    """Counts by bucket, the last one unbounded."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(self.counts)

    def add(self, seconds: float) -> None:
        """Note one observation."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulated(self) -> list[int]:
        """Return how many observations lie below each bound, and how many there are."""
        return list(accumulate(self.counts))


class TurnTimes:
    """Collects the stages of turns."""

    def __init__(self) -> None:
        self._histograms: dict[str, Histogram] = {}

    def histograms(self) -> dict[str, Histogram]:
        """Return the histograms by stage."""
        return self._histograms

    def visit(self) -> "VisitTimes":
        """Return what notes the latencies of one visit."""
        return VisitTimes(self)

    def add(self, stage: str, seconds: float) -> None:
        """Note that a stage was reached."""
        if stage in self._histograms or len(self._histograms) < STAGES_MAX:
            self._histograms.setdefault(stage, Histogram()).add(seconds)


class VisitTimes:
    """Notes each stage of each turn of one visit once, though later events repeat earlier stages."""

    def __init__(self, times: TurnTimes) -> None:
        self._times = times
        self._turn = 0
        self._seen: set[str] = set()

    def note(self, latency: Latency) -> None:
        """Take what the page is told."""
        if latency.turn != self._turn:
            self._turn, self._seen = latency.turn, set()
        for stage, ms in latency.stages_ms.items():
            if stage not in self._seen:
                self._seen.add(stage)
                self._times.add(stage, ms / 1000)
