"""`Style`: the habits of one person, drawn once from the seed. One sentence has as many motions as styles."""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from jaxtyping import Float32

from models.motion.chance import Stream, bounded_normal, chance

LEAD_MS: Final = 50.0
"""Between what fits tracked lips best in short commands (0 to 20 ms) and films of fluent speech (40 to 80):
`training.teacher.calibrate`. Those films proved to be out of step with their sound
(docs/decisions/024-films-out-of-step.md), but the bundled weights were trained with this lead, and so are
told phones 20 ms late. In running speech the picture leads by 20 ms or lags by up to 70
(Schwartz & Savariaux 2014, https://doi.org/10.1371/journal.pcbi.1003743)."""
_SPREAD: Final[dict[str, tuple[float, float, float, float]]] = {
    "reach": (1.0, 0.08, 0.85, 1.15),
    "tightness": (1.0, 0.15, 0.7, 1.3),
    "asymmetry": (0.0, 0.06, -0.15, 0.15),
    "smile": (0.05, 0.025, 0.0, 0.12),
    "nod": (1.0, 0.2, 0.6, 1.4),
    "beat": (0.5, 0.1, 0.3, 0.7),
    "drift": (1.0, 0.2, 0.6, 1.4),
    "brow": (1.0, 0.25, 0.5, 1.5),
    "contact": (1.0, 0.15, 0.7, 1.3),
    "blink": (1.0, 0.15, 0.7, 1.3),
    "tilt_deg": (1.5, 0.6, 0.3, 2.5),
    "lead_ms": (LEAD_MS, 15.0, 20.0, 90.0),
    "gesture": (0.5, 0.2, 0.05, 0.95),
    "mood": (0.0, 0.45, -1.0, 1.0),
}
"""Mean, deviation, least and most of each habit. All but the lead are our choice."""
_BREATHS_PER_MIN: Final = (12.0, 18.0)


@dataclass(frozen=True, slots=True)
class Style:
    """Gains around 1 unless a unit is named."""

    reach: float
    """How far the mouth articulates."""
    tightness: float
    """How firmly lips press together when they meet."""
    asymmetry: float
    """Left minus right of mouth and brows, -0.15..0.15 of their weight."""
    smile: float
    """ARKit weight of the smile at rest, 0..0.12."""
    nod: float
    beat: float
    """Share of accents that the head marks, 0..1."""
    drift: float
    brow: float
    contact: float
    """How long gaze rests on the partner."""
    blink: float
    tilt_deg: float
    """Habitual tilt of the head when attentive."""
    lead_ms: float
    """How much earlier than its sound a mouth shape is reached."""
    gesture: float
    """Liveliness of shoulders, arms and hands, 0..1."""
    mood: float
    """-1 earnest … 1 smiling."""
    side: int
    """The side to which this person looks and tilts first: 1 is their left, -1 their right."""
    breaths_per_min: float

    @classmethod
    def draw(cls, seed: int) -> Self:
        """Draw a person. Breathing rate 12–18/min; the others spread by about a fifth."""
        random = chance(seed, Stream.STYLE)
        habits = {name: bounded_normal(random, *spread) for name, spread in _SPREAD.items()}
        side = 1 if random.random() < 0.5 else -1
        return cls(side=side, breaths_per_min=float(random.uniform(*_BREATHS_PER_MIN)), **habits)

    def vector(self) -> Float32[np.ndarray, "S"]:
        """Return the `STYLE_SIZE` habits at about zero mean and unit variance, for a learned stage."""
        low, high = _BREATHS_PER_MIN
        habits = [(getattr(self, name) - mean) / spread for name, (mean, spread, *_) in _SPREAD.items()]
        breath = (self.breaths_per_min - (low + high) / 2) / ((high - low) / 12**0.5)
        return np.array([*habits, self.side, breath], np.float32)


STYLE_SIZE: Final = len(fields(Style))
