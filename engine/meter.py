"""Counts and durations of a session: nothing is dropped or late without being seen here."""

from collections import deque
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np

KEPT: Final = 250
"""Durations kept for the quantiles: ten seconds of frames."""


class Durations:
    """The last `KEPT` durations of one stage."""

    def __init__(self) -> None:
        self._kept_s: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """Note one duration."""
        self._kept_s.append(seconds)

    def mean_s(self) -> float:
        """Return the mean in seconds; 0 before the first."""
        return float(np.mean(self._kept_s)) if self._kept_s else 0.0

    def quantile_ms(self, q: float) -> float:
        """Return the q-quantile (0..1) in milliseconds; 0 before the first."""
        return 1000.0 * float(np.quantile(self._kept_s, q)) if self._kept_s else 0.0


@dataclass(slots=True)
class Counts:
    """What a session did since it began."""

    packets: int = 0
    """Packets handed out."""
    late_frames: int = 0
    """Pictures that were not ready in time; the one before was shown again."""
    starved_frames: int = 0
    """Frames within an utterance, silent in part or whole because its sound had not come."""
    dropped_frames: int = 0
    """Frames prepared and not shown, because of an interruption."""
    skipped_frames: int = 0
    """Frames by which media time jumped, because nobody consumed; no speech is lost by it."""
    unmoved_frames: int = 0
    """Frames shown before their motion was made."""
    motion_errors: int = 0
    """Chunks for which the motion stage failed; the motion before was held."""
    picture_errors: int = 0
    """Pictures for which the picture stage failed; the one before was shown again."""

    def by_name(self) -> dict[str, float]:
        """Return every count by its name."""
        return {name.name: float(getattr(self, name.name)) for name in fields(self)}


@dataclass(slots=True)
class Meter:
    """Counts, and for each stage how long a frame took: waited for (with its queueing) and worked on."""

    counts: Counts = field(default_factory=Counts)
    motion: Durations = field(default_factory=Durations)
    picture: Durations = field(default_factory=Durations)
    handout: Durations = field(default_factory=Durations)
    """How long after its time a packet was handed out."""
    motion_work: Durations = field(default_factory=Durations)
    picture_work: Durations = field(default_factory=Durations)

    def frame_cost_s(self) -> float:
        """Return the mean seconds of one core that a frame costs, without waiting."""
        return self.motion_work.mean_s() + self.picture_work.mean_s()

    def stats(self) -> dict[str, float]:
        """Return the counts, and p50 and p95 of each stage and of the lateness of packets, per frame."""
        stages = {"motion": self.motion, "picture": self.picture, "handout": self.handout}
        quantiles = {
            f"{name}_p{round(100 * q)}_ms": durations.quantile_ms(q)
            for name, durations in stages.items()
            for q in (0.5, 0.95)
        }
        return {**self.counts.by_name(), **quantiles, "frame_cost_ms": 1000.0 * self.frame_cost_s()}
