"""The mouth: from phones where they are known, else from sound, else at rest — and no jump between them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.motion.stage import Phone
from models.motion.style import Style
from training.teacher.acoustic import listen
from training.teacher.articulation import VISEMES
from training.teacher.lips import LipsState, shape_mouth, visemes_at
from training.teacher.prosody import Prosody

_FADE: Final = 0.4
"""Share of a jump that is left one frame later: 6 % after three frames, so a cut mouth closes in 120 ms."""
_LEFT: Final = [i for i, name in enumerate(EXPRESSIONS) if name.startswith("mouth") and name.endswith("Left")]
_RIGHT: Final = [
    i for i, name in enumerate(EXPRESSIONS) if name.startswith("mouth") and name.endswith("Right")
]
_PRESS: Final = [EXPRESSION_INDEX[f"mouthPress{side}"] for side in ("Left", "Right")]


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is being said in one frame."""

    segment: int
    """0 while the avatar is silent."""
    frame: int
    """Frames since the utterance's first sample."""
    phones: tuple[Phone, ...] | None


@dataclass(frozen=True, slots=True)
class MouthState:
    """Curves in use, the last mouth shown, and what is left of the last jump."""

    lips: LipsState
    heard: Float32[np.ndarray, "15"]
    shown: Float32[np.ndarray, "52"]
    residue: Float32[np.ndarray, "52"]
    source: tuple[int, bool] = (0, False)
    """Utterance, and whether its phones are known; a change of either is a jump to be faded."""


def init_mouth() -> MouthState:
    """Return a closed mouth."""
    nothing = np.zeros(len(EXPRESSIONS), np.float32)
    return MouthState(LipsState(), _nothing_heard(), nothing, nothing)


def _nothing_heard() -> Float32[np.ndarray, "15"]:
    rest = np.zeros(len(VISEMES), np.float32)
    rest[VISEMES.index("sil")] = 1.0
    return rest


def move_mouth(
    utterance: Utterance,
    prosody: Prosody,
    window: Float32[np.ndarray, "1024"],
    style: Style,
    state: MouthState,
) -> tuple[Float32[np.ndarray, "52"], MouthState]:
    """Return the ARKit weights of mouth and jaw for one frame, and the state after it.

    Args:
        utterance: What is said.
        prosody: How it sounds in this frame.
        window: The newest 64 ms of sound.
        style: Whose mouth it is.
        state: The mouth so far.
    """
    lips, heard = state.lips, _nothing_heard()
    target = np.zeros(len(EXPRESSIONS), np.float32)
    if utterance.segment:
        heard = visemes = listen(window, prosody.loudness, state.heard)
        if utterance.phones is not None:
            visemes, lips = visemes_at(
                utterance.phones, utterance.frame, utterance.segment, lips, style.lead_ms / 1000.0
            )
        target = _articulate(visemes, heard, prosody.vigour, style)
    source = (utterance.segment, utterance.phones is not None)
    corrected = lips.block == state.lips.block and lips.phones != state.lips.phones
    jump = source != state.source or corrected
    residue = _FADE * (state.shown - target if jump else state.residue)
    shown = target + residue
    return shown, MouthState(lips, heard, shown, residue, source)


def _articulate(
    visemes: Float32[np.ndarray, "15"], heard: Float32[np.ndarray, "15"], vigour: float, style: Style
) -> Float32[np.ndarray, "52"]:
    """Shape the mouth with the speaker's loudness and habits."""
    mouth = shape_mouth(visemes, 0.9 + 0.5 * vigour, style.reach, heard)
    mouth[_LEFT] *= 1.0 + style.asymmetry
    mouth[_RIGHT] *= 1.0 - style.asymmetry
    mouth[_PRESS] *= style.tightness
    return mouth
