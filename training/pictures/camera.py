"""A bad camera: what portraits come from, besides photographers."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import UInt8

COARSER: Final = (1.3, 3.5)
"""How much coarser than the picture it sees."""
CODED: Final = 0.5
"""Share of those whose pictures went through a codec, too."""
QUALITY: Final = (30, 90)
"""JPEG's, of such pictures."""
GRAIN: Final = 5.0
"""Most noise of its pixels, in steps of 255; where light is low there is more than where it is not."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One of them."""

    coarser: float
    enlarge: int
    """How its pixels are made many again: OpenCV's name of an interpolation."""
    quality: int | None
    """JPEG's, or no codec."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one."""
        return cls(
            float(rng.uniform(*COARSER)),
            int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])),
            int(rng.integers(*QUALITY)) if rng.random() < CODED else None,
        )

    def take(
        self, picture: UInt8[np.ndarray, "side side 3"], rng: np.random.Generator | None = None
    ) -> UInt8[np.ndarray, "side side 3"]:
        """Return a picture as it sees it, as large as before; grainy when a generator is given."""
        side = picture.shape[0]
        small = round(side / self.coarser)
        seen = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        if rng is not None:
            noise = rng.normal(0, rng.uniform(0, GRAIN), seen.shape) * (1.5 - seen / 255)
            seen = np.clip(seen + noise + 0.5, 0, 255).astype(np.uint8)
        if self.quality is not None:
            _, coded = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            seen = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return cv2.resize(seen, (side, side), interpolation=self.enlarge).astype(np.uint8)
