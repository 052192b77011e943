"""`Look`: where the one sits whom the person attends to."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """A direction in the room, seen from the person. (0, 0) is where the portrait looks: straight out."""

    yaw_deg: float = 0.0
    """Towards the person's left, which is the picture's right."""
    pitch_deg: float = 0.0
    """Down."""


AHEAD: Final = Look()
"""Out of the picture."""
