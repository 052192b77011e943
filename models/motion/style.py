"""`Style`: the habits of one person, drawn once from the seed. One sentence has as many motions as styles."""

from dataclasses import dataclass
from typing import Self

from models.motion.chance import Stream, bounded_normal, chance


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
    side: int
    """The side to which this person looks and tilts first: 1 is their left, -1 their right."""
    breaths_per_min: float

    @classmethod
    def draw(cls, seed: int) -> Self:
        """Draw a person. Breathing rate 12–18/min; the others spread by about a fifth, our choice."""
        random = chance(seed, Stream.STYLE)

        def near(mean: float, deviation: float, low: float, high: float) -> float:
            return bounded_normal(random, mean, deviation, low, high)

        return cls(
            reach=near(1.0, 0.08, 0.85, 1.15),
            tightness=near(1.0, 0.15, 0.7, 1.3),
            asymmetry=near(0.0, 0.06, -0.15, 0.15),
            smile=near(0.05, 0.025, 0.0, 0.12),
            nod=near(1.0, 0.2, 0.6, 1.4),
            beat=near(0.5, 0.1, 0.3, 0.7),
            drift=near(1.0, 0.2, 0.6, 1.4),
            brow=near(1.0, 0.25, 0.5, 1.5),
            contact=near(1.0, 0.15, 0.7, 1.3),
            blink=near(1.0, 0.15, 0.7, 1.3),
            tilt_deg=near(1.5, 0.6, 0.3, 2.5),
            side=1 if random.random() < 0.5 else -1,
            breaths_per_min=float(random.uniform(12.0, 18.0)),
        )
