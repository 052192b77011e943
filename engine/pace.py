"""`Pace`: how long the last pictures of each tier took, and so what can still be drawn in time."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from models.picture import Tier

KEPT: Final = 8
"""Pictures of each tier that are remembered: a third of a second tells what the machine is busy with."""
QUANTILE: Final = 0.75
"""One picture in four may take longer than expected: a hiccup says nothing about the next."""


def _nothing_known() -> dict[Tier, deque[float]]:
    return {tier: deque(maxlen=KEPT) for tier in (Tier.FULL, Tier.WARP)}


@dataclass(slots=True)
class Pace:
    """What pictures took, waiting included."""

    _taken_s: dict[Tier, deque[float]] = field(default_factory=_nothing_known)

    def note(self, tier: Tier, taken_s: float) -> None:
        """Remember how long a picture took that was drawn in FULL or WARP."""
        self._taken_s[tier].append(taken_s)

    def expected_s(self, tier: Tier) -> float:
        """Return how long the next one will take; 0 while nothing is known."""
        taken_s = self._taken_s[tier]
        return float(np.quantile(taken_s, QUANTILE)) if taken_s else 0.0

    def best_within(self, left_s: float) -> Tier:
        """Return FULL when it fits into the time that is left, else WARP.

        A refusal makes FULL forget one picture, so what was slow for a moment is tried again soon.
        """
        known_s = self._taken_s[Tier.FULL]
        if not known_s or self.expected_s(Tier.FULL) <= left_s:
            return Tier.FULL
        known_s.popleft()
        return Tier.WARP
