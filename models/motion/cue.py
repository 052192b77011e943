"""`Cue`: a gesture that whoever wrote the words asked for, and when."""

from dataclasses import dataclass
from enum import StrEnum


class Gesture(StrEnum):
    """What can be asked for; the values are what a language model writes in brackets."""

    SMILE = "smile"
    LAUGH = "laugh"
    NOD = "nod"
    SHAKE = "shake"
    """The head is shaken."""
    TILT = "tilt"
    """The head is laid to the side."""
    BROWS = "brows"
    """The brows are raised."""
    SURPRISE = "surprise"
    FROWN = "frown"
    SAD = "sad"
    THINK = "think"
    WINK = "wink"
    SHRUG = "shrug"
    WAVE = "wave"


@dataclass(frozen=True, slots=True)
class Cue:
    """One gesture to begin at a moment."""

    gesture: Gesture
    at_s: float = 0.0
    """In the time of what it belongs to: an utterance, or a piece of it; in silence, of the chunk."""
