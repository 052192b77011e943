"""`Cues`: what the body answers to in one frame — who speaks, how, where accents and phrases lie."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from models.motion.chance import Stream, chance
from models.motion.frame import FPS
from models.motion.stage import Phone, Presence
from training.teacher.prosody import Prosody

ANTICIPATION_S: Final = 0.12
"""Movements that mark a known accent begin this much before its vowel, so that their top meets it."""
PREPARATION_S: Final = 0.6
"""Hands that mark a known accent begin up to this much before its vowel (Rusiewicz et al. 2014)."""
_SPOKEN_S: Final = 0.35
"""Voiced time that makes a phrase."""
_PHRASE_PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Cues:
    """One frame of circumstances."""

    frame: int
    """Frames since the session began."""
    presence: Presence
    before: Presence
    """Presence in the frame before."""
    prosody: Prosody
    accent: float = 0.0
    """Strength 0..1 of an accent to be marked by a movement that begins now."""
    boundary: bool = False
    """A phrase ends now."""
    remaining_s: float = float("inf")
    """Known rest of the utterance; infinite where only the sound is known."""
    far_accent: float = 0.0
    """Strength of a known accent that comes `PREPARATION_S` later: time enough to raise a hand."""

    @property
    def changed(self) -> bool:
        """Tell whether the floor has just passed."""
        return self.presence is not self.before

    @property
    def heard_out(self) -> bool:
        """Tell whether the other has just ended a phrase."""
        return self.presence is Presence.LISTENING and self.boundary and self.prosody.phrase_s >= _SPOKEN_S


def phone_accent(
    phones: tuple[Phone, ...], at_s: float, segment: int, seed: int, ahead_s: float = ANTICIPATION_S
) -> float:
    """Return the strength of the accent that comes `ahead_s` after `at_s`; 0 where none does.

    Stressed vowels carry it; which of them is left to chance, since stress in a dictionary is no accent yet.
    """
    first = bisect_left(phones, at_s + ahead_s, key=lambda phone: phone.start_s)
    for index in range(first, len(phones)):
        if phones[index].start_s >= at_s + ahead_s + 1.0 / FPS:
            break
        if phones[index].stress == 1:
            return float(chance(seed + segment, Stream.ACCENT, index).random())
    return 0.0


def phrase_ends(phones: tuple[Phone, ...], at_s: float) -> bool:
    """Tell whether a pause of 0.2 s or more begins in the frame at `at_s`."""
    first = bisect_left(phones, at_s, key=lambda phone: phone.start_s)
    if first >= len(phones) or phones[first].start_s >= at_s + 1.0 / FPS or first == 0:
        return False
    pause = phones[first]
    return pause.symbol == "SIL" and pause.end_s - pause.start_s >= _PHRASE_PAUSE_S
