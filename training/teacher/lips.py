"""Phones → mouth: co-articulated viseme curves, and from them ARKit weights.

Neighbouring sounds pull at each other by dominance functions (Cohen & Massaro 1993, "Modeling coarticulation
in synthetic visual speech"), under the hard constraints and habits of JALI (Edwards et al. 2016, section 4:
bilabials close, labiodentals reach the teeth, sibilants narrow the jaw, rounding comes early and stays late).
The `openfacefx` package computes both; this module cuts the utterance into blocks, so that the mouth at one
time depends only on the phones near that time, whatever the chunks.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, FPS
from models.motion.stage import Phone
from models.motion.style import LEAD_MS
from models.speech.words import is_vowel
from training.teacher.articulation import VISEMES, phone_mapping, viseme_weights

LEAD_S: Final = LEAD_MS / 1000.0
"""Lips move this much before their sound; in `Style`, each person's own."""
BLOCK_FRAMES: Final = 8
HEARD_SHARE: Final = 0.35
"""Share of the sound in the mouth's opening while a phone is known to sound; tracked lips are fitted about
equally well by a quarter to a half (`training.teacher.calibrate`)."""
BACK_S: Final = 1.0
AHEAD_S: Final = 0.6
"""Phones within this reach of a block shape it; beyond, their dominance is below one percent."""

_HABITS: Final = (
    "bilabial_close", "labiodental_teeth", "sibilant_jaw", "nonnasal_lip_open",
    "duplicated_merge", "lip_heavy", "tongue_no_lip", "short_no_jaw",
)  # fmt: skip
"""JALI's rules but one: `wordfinal_lip` rounds the mouth a third of a second too early in running speech."""

_SIL: Final = VISEMES.index("sil")
_PP: Final = VISEMES.index("PP")
_FF: Final = VISEMES.index("FF")
_JAW: Final = EXPRESSION_INDEX["jawOpen"]
_CLOSE: Final = EXPRESSION_INDEX["mouthClose"]
_PARTING: Final = [
    EXPRESSION_INDEX[name]
    for name in ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight")
]

_OPENING: Final = [_JAW, *_PARTING]


@dataclass(frozen=True, slots=True)
class Blend:
    """How sounds run into each other; fitted to tracked lips (`training.teacher.calibrate`)."""

    smooth_s: float = 0.04
    """Deviation of the bell that smooths the curves before lips are closed. Beside the better fit, less is
    lost where a speaker's lips are earlier or later than others'."""
    short_pause_s: float = 0.12
    """Shorter pauses do not bring the lips to rest."""
    short_vowel_s: float = 0.1
    """Shorter vowels do not reach their shape; a dictionary's stress proved to tell nothing beside length."""


BLEND: Final = Blend()


@dataclass(frozen=True, slots=True)
class LipsState:
    """The block of curves that was solved last."""

    segment: int = 0
    block: int = -1
    phones: tuple[Phone, ...] = ()
    """The phones it was solved from; another answer is due when they change."""
    curves: Float32[np.ndarray, "block 15"] = field(
        default_factory=lambda: np.full((BLOCK_FRAMES, len(VISEMES)), np.nan, np.float32)
    )


def visemes_at(
    phones: tuple[Phone, ...],
    frame: int,
    segment: int,
    state: LipsState,
    lead_s: float = LEAD_S,
    blend: Blend = BLEND,
) -> tuple[Float32[np.ndarray, "15"], LipsState]:
    """Return the viseme weights of the utterance's `frame`, counted from its first sample."""
    block, row = divmod(frame, BLOCK_FRAMES)
    start_s = block * BLOCK_FRAMES / FPS + lead_s
    near = _near(phones, start_s)
    if (segment, block) != (state.segment, state.block) or near != state.phones:
        state = LipsState(segment, block, near, _solve(near, start_s, blend))
    return state.curves[row], state


def shape_mouth(
    visemes: Float32[np.ndarray, "15"],
    opening: float = 1.0,
    reach: float = 1.0,
    heard: Float32[np.ndarray, "15"] | None = None,
    share: float = HEARD_SHARE,
) -> Float32[np.ndarray, "52"]:
    """Turn visemes into ARKit weights.

    Args:
        visemes: Weights in the order of `VISEMES`.
        opening: Scales what parts the lips: loud speech opens wider (JALI's jaw axis). 1 is ordinary.
        reach: Scales all articulation: the speaker's habit.
        heard: What `training.teacher.acoustic` makes of the sound. It shares in how wide the mouth opens,
            which phones alone do not tell; shapes and closures stay with the phones.
        share: How much of the opening the sound decides while a phone sounds.
    """
    mouth = np.asarray(reach * (visemes @ viseme_weights()), np.float32)
    if heard is not None:
        openness = np.asarray(reach * (heard @ viseme_weights()[:, _OPENING]), np.float32)
        # What sounds while nothing is said, be it music, opens no mouth.
        mouth[_OPENING] += share * (1.0 - float(visemes[_SIL])) * (openness - mouth[_OPENING])
    sealed = float(min(1.0, visemes[_PP] / 0.65))
    narrowed = float(min(1.0, visemes[_FF] / 0.8))
    mouth[_JAW] *= opening * (1.0 - 0.65 * sealed) * (1.0 - 0.5 * narrowed)
    mouth[_PARTING] *= opening * (1.0 - sealed)
    # The jaw rides through short closures, so the lips must meet over it.
    mouth[_CLOSE] = sealed * mouth[_JAW]
    return mouth


def _near(phones: tuple[Phone, ...], start_s: float) -> tuple[Phone, ...]:
    """Cut out the phones that can shape the block of frames from `start_s` on."""
    first = bisect_right(phones, start_s - BACK_S, key=lambda phone: phone.end_s)
    last = bisect_left(phones, start_s + BLOCK_FRAMES / FPS + AHEAD_S, key=lambda phone: phone.start_s)
    return phones[first:last]


@cache
def _params(blend: Blend) -> Any:
    from openfacefx.coarticulation import CoartParams

    return CoartParams(
        jali=True, jali_rules=_HABITS, smooth=blend.smooth_s, short_silence=blend.short_pause_s
    )


def _solve(phones: tuple[Phone, ...], start_s: float, blend: Blend) -> Float32[np.ndarray, "block 15"]:
    """Solve one block; before the first and after the last phone there is silence."""
    from openfacefx.alignment import PhonemeSegment
    from openfacefx.coarticulation import build_viseme_curves

    # Time is counted from a frame `BACK_S` before the block, on which the solver's grid then lies.
    origin_s, span_s = start_s - BACK_S, BACK_S + BLOCK_FRAMES / FPS + AHEAD_S
    segments, at_s = [], 0.0
    for phone in phones:
        begin_s, end_s = max(phone.start_s - origin_s, at_s), phone.end_s - origin_s
        if begin_s > at_s + 1e-6:
            segments.append(PhonemeSegment("sil", at_s, begin_s))
        segments.append(PhonemeSegment(_symbol(phone, blend), begin_s, end_s))
        at_s = end_s
    if at_s < span_s:
        segments.append(PhonemeSegment("sil", at_s, span_s))
    _, curves = build_viseme_curves(segments, float(FPS), phone_mapping(), _params(blend))
    first = round(BACK_S * FPS)
    return np.asarray(curves[first : first + BLOCK_FRAMES], np.float32)


def _symbol(phone: Phone, blend: Blend) -> str:
    """Return the phone as `articulation` names it, which tells short vowels and the unstressed `AH` apart."""
    if phone.symbol == "SIL":
        return "sil"
    if phone.symbol == "AH" and phone.stress == 0:
        return "AX"
    short = is_vowel(phone.symbol) and phone.end_s - phone.start_s < blend.short_vowel_s
    return f"{phone.symbol}0" if short else phone.symbol
