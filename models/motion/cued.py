"""`CuedMotion`: gestures and looks that were asked for, over whatever stage moves the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final, Generic, TypeVar

import numpy as np

from models.motion.cue import Cue, Gesture
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, FPS, MotionFrame
from models.motion.gestures import length_s, offset
from models.motion.looking import LookState, add_look, init_look, step_look
from models.motion.stage import MotionStage, SpeechChunk

StateT = TypeVar("StateT")

_SMILES: Final = [EXPRESSION_INDEX["mouthSmileLeft"], EXPRESSION_INDEX["mouthSmileRight"]]
_ROUNDED: Final = [EXPRESSION_INDEX["mouthPucker"], EXPRESSION_INDEX["mouthFunnel"]]


@dataclass(frozen=True, slots=True)
class Act:
    """A gesture that goes on."""

    gesture: Gesture
    frame: int = 0
    """Frames since its begin."""


@dataclass(frozen=True, slots=True)
class CuedState(Generic[StateT]):
    """The stage's own state, the gestures that go on, and where gaze is."""

    inner: StateT
    acts: tuple[Act, ...] = ()
    segment: int = 0
    """Utterance of the last frame."""
    begun: int = 0
    """How many of its cues have begun; one that comes late begins at once."""
    look: LookState = field(default_factory=init_look)


class CuedMotion(Generic[StateT]):
    """A `MotionStage` that adds gestures and looks to another's motion. Without these it changes nothing."""

    def __init__(self, stage: MotionStage[StateT]) -> None:
        self._stage = stage

    def init_state(self, seed: int) -> CuedState[StateT]:
        """Return the stage's first state, with no gesture."""
        return CuedState(self._stage.init_state(seed))

    def step(
        self, chunk: SpeechChunk, state: CuedState[StateT]
    ) -> tuple[Sequence[MotionFrame], CuedState[StateT]]:
        """Return the stage's frames with gestures, and the state after them. Chunked equals whole."""
        frames, inner = self._stage.step(chunk, state.inner)
        state = replace(state, inner=inner)
        if chunk.segment != state.segment or not chunk.segment:
            state = replace(state, segment=chunk.segment, begun=0)
        first = round(chunk.segment_s * FPS)
        moved = []
        for index, frame in enumerate(frames, start=first):
            state = _begin(chunk.cues, index, state)
            state = replace(state, look=step_look(chunk.look, state.look))
            moved.append(add_look(_move(frame, state.acts), state.look))
            state = replace(state, acts=_older(state.acts))
        return moved, state


def _begin(cues: tuple[Cue, ...], frame: int, state: CuedState[StateT]) -> CuedState[StateT]:
    """Begin the cues whose time has come by the end of a frame of their utterance."""
    begun = state.begun
    while begun < len(cues) and cues[begun].at_s < (frame + 1) / FPS:
        begun += 1
    new = tuple(Act(cue.gesture) for cue in cues[state.begun : begun])
    return replace(state, acts=state.acts + new, begun=begun)


def _older(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """Return the gestures one frame later, without those that are over."""
    later = (Act(act.gesture, act.frame + 1) for act in acts)
    return tuple(act for act in later if act.frame < ceil(length_s(act.gesture) * FPS))


def _move(frame: MotionFrame, acts: tuple[Act, ...]) -> MotionFrame:
    """Return a frame with gestures; rounded lips cannot smile, and no shape exceeds its whole."""
    if not acts:
        return frame
    added = sum((offset(act.gesture, act.frame) for act in acts), np.zeros(len(frame.vector())))
    added[_SMILES] *= max(0.0, 1.0 - 1.5 * float(frame.expression[_ROUNDED].sum()))
    vector = frame.vector() + added.astype(np.float32)
    vector[: len(EXPRESSIONS)] = np.clip(vector[: len(EXPRESSIONS)], 0.0, 1.0)
    return MotionFrame.from_vector(vector)
