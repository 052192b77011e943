"""Quality follows the machine: a tier for the next picture, from how long the last ones took.

Falling is quick and rising is careful. A tier that did not hold is tried again only after a pause that
doubles with each failure, so that a machine between two tiers settles on the lower one.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from models.motion.frame import FPS
from models.picture import Tier

FRAME_S: Final = 1.0 / FPS
BUDGET_S: Final = {Tier.FULL: FRAME_S, Tier.WARP: FRAME_S, Tier.SPARSE: 2 * FRAME_S, Tier.STILL: 2 * FRAME_S}
"""Seconds a picture may take in each tier; in STILL, what a trial picture may take."""


@dataclass(frozen=True, slots=True)
class TierRules:
    """The numbers by which tiers change."""

    window: int = 15
    """Pictures looked at: 0.6 s, so that one hiccup changes nothing."""
    quantile: float = 0.6
    """Of the window: falls when more than two in five pictures are too slow."""
    fall_above: float = 0.95
    """Part of the budget above which the tier falls."""
    rise_below: float = 0.7
    """Part of the next tier's budget below which the tier may rise."""
    pause_s: float = 2.0
    """Shortest time in a tier before the one above is tried."""
    longest_pause_s: float = 60.0
    """Longest such time, after many failures."""
    proof_s: float = 30.0
    """A tier that held so long has proven itself, and its failures are forgotten."""
    trial_s: float = 1.0
    """Time between trial pictures in STILL."""
    trials: int = 3
    """Trial pictures in STILL that must be quick enough, one after another."""
    lowest: Tier = Tier.STILL
    """No worse tier is entered, however slow pictures are."""


@dataclass(slots=True)
class TierController:
    """Chooses the tier; time is an argument."""

    rules: TierRules = field(default_factory=TierRules)
    tier: Tier = Tier.FULL
    _since_s: float = 0.0
    _pause_s: dict[Tier, float] = field(default_factory=dict)
    _last_trial_s: float = float("-inf")
    _taken_s: deque[float] = field(default_factory=deque)

    def wants_picture(self, frame: int, now_s: float) -> bool:
        """Say whether to make a picture of this frame: of each, of every second, or a rare trial."""
        if self.tier == Tier.STILL:
            return now_s - self._last_trial_s >= self.rules.trial_s
        return self.promises_picture(frame)

    def promises_picture(self, frame: int) -> bool:
        """Say whether this frame is late without a picture of its own; STILL promises none."""
        return self.tier <= Tier.WARP or (self.tier == Tier.SPARSE and frame % 2 == 0)

    def observe(self, picture_s: float, now_s: float) -> Tier:
        """Note how long a picture took, waiting included, and return the tier for the next."""
        self._last_trial_s = now_s
        self._taken_s.append(picture_s)
        needed = self.rules.trials if self.tier == Tier.STILL else self.rules.window
        while len(self._taken_s) > needed:
            self._taken_s.popleft()
        if len(self._taken_s) == needed:
            self._judge(sorted(self._taken_s)[round(self.rules.quantile * (needed - 1))], now_s)
        return self.tier

    def _judge(self, typical_s: float, now_s: float) -> None:
        if now_s - self._since_s >= self.rules.proof_s:
            self._pause_s.pop(self.tier, None)
        if self.tier != self.rules.lowest and typical_s > self.rules.fall_above * BUDGET_S[self.tier]:
            self._fall(now_s)
        elif self.tier != Tier.FULL and self._may_rise(typical_s, now_s):
            self._enter(Tier(self.tier - 1), now_s)

    def _may_rise(self, typical_s: float, now_s: float) -> bool:
        above = Tier(self.tier - 1)
        rested = now_s - self._since_s >= self._pause_s.get(above, self.rules.pause_s)
        return rested and typical_s < self.rules.rise_below * BUDGET_S[above]

    def _fall(self, now_s: float) -> None:
        """Leave a tier that does not hold; each failure doubles the pause before it is tried again."""
        pause_s = 2 * self._pause_s.get(self.tier, self.rules.pause_s / 2)
        self._pause_s[self.tier] = min(pause_s, self.rules.longest_pause_s)
        self._enter(Tier(self.tier + 1), now_s)

    def _enter(self, tier: Tier, now_s: float) -> None:
        self.tier = tier
        self._since_s = now_s
        self._taken_s.clear()
