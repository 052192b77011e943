"""`MotionPlayer`: what is to be drawn while a tick of sound is heard. Sound is the clock; motion follows it.

Frames are shown as they came, also between rarer ones and over gaps that a later packet bridges. Where
nothing later is known, the pose stays for a moment; then the person passes over to what a `MotionStage` makes
of the sound that is heard: at rest in silence, speaking while there is a voice. What returns is met softly.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.motion.frame import MotionFrame
from models.motion.stage import MotionStage, SpeechChunk, StateT
from streaming.motion.buffer import MotionBuffer, Row, add, look
from streaming.motion.packet import MotionPacket

SOFTER: Final = np.float32(0.6)
"""What is left, tick by tick, of the jump between what was made up and what came: a tenth after 200 ms."""
UNSEEN: Final = 1e-3
"""A jump smaller than this, in weights and radians, is over."""


class PlayerConfig(BaseModel):
    """How gaps are bridged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stay_ticks: int = Field(default=4, ge=0, le=7)
    """Ticks of 40 ms a pose stays when nothing follows: more than 7 would be seen as a frozen face."""
    ease_ticks: int = Field(default=10, ge=1, le=100)
    """Ticks the passage to the motion stage takes."""


@dataclass(frozen=True, slots=True)
class PlayerState(Generic[StateT]):
    """Everything a player remembers."""

    stage: StateT
    buffer: MotionBuffer = field(default_factory=MotionBuffer)
    shown: Row | None = None
    """What was drawn last."""
    apart: Row | None = None
    """What is left of the jump after a gap."""
    missing: int = 0
    """Ticks in a row for which nothing was known."""
    begun: bool = False
    """Whether the person was ever shown."""
    drawn: int = 0
    concealed: int = 0
    """Ticks drawn, and those of them that were held or made up."""


class MotionPlayer(Generic[StateT]):
    """Holds settings and a motion stage; `push` and `step` take and return the state."""

    def __init__(self, stage: MotionStage[StateT], config: PlayerConfig | None = None) -> None:
        self._stage = stage
        self._config = config or PlayerConfig()

    def init_state(self, seed: int) -> PlayerState[StateT]:
        """Return the state before the first packet; `seed` is the motion stage's."""
        return PlayerState(self._stage.init_state(seed))

    def push(self, packet: MotionPacket, state: PlayerState[StateT]) -> PlayerState[StateT]:
        """Take a packet, in whichever order they come."""
        return replace(state, buffer=add(state.buffer, packet))

    def step(
        self, tick: int, heard: SpeechChunk, state: PlayerState[StateT], *, makes: bool = True
    ) -> tuple[MotionFrame, PlayerState[StateT]]:
        """Return the frame of a tick.

        Args:
            tick: The tick being heard, counted from the sender's first sound; may jump, never goes back.
            heard: The sound of this tick, for the motion stage: one frame.
            state: The state before.
            makes: Whether the stage makes what did not come; of whom nobody sees, the pose stays instead.
        """
        row, buffer = look(state.buffer, tick)
        state = replace(state, buffer=buffer, drawn=state.drawn + 1)
        if row is not None:
            row, state = self._meet(row, state)
        else:
            row, state = self._conceal(heard if makes else None, state)
        return MotionFrame.from_vector(row), replace(state, shown=row)

    def _meet(self, row: Row, state: PlayerState[StateT]) -> tuple[Row, PlayerState[StateT]]:
        """Show what came; after a gap, the jump is spread over some ticks."""
        apart = state.apart
        if state.missing and state.shown is not None:
            apart = state.shown - row
        if apart is not None:
            apart = apart * SOFTER
            row = row + apart
            apart = apart if np.abs(apart).max() > UNSEEN else None
        return row, replace(state, apart=apart, missing=0, begun=True)

    def _conceal(
        self, heard: SpeechChunk | None, state: PlayerState[StateT]
    ) -> tuple[Row, PlayerState[StateT]]:
        """Stay, then pass over to the motion stage; before anything came, the stage alone.

        Where nothing is heard for it, for nobody sees the person, the pose stays.
        """
        missing = state.missing + 1
        state = replace(state, missing=missing, concealed=state.concealed + 1, apart=None)
        if state.shown is not None and state.begun and missing <= self._config.stay_ticks:
            return state.shown, state
        if heard is None:
            return MotionFrame.rest().vector() if state.shown is None else state.shown, state
        frames, stage = self._stage.step(heard, state.stage)
        made, state = frames[0].vector(), replace(state, stage=stage)
        left = self._config.stay_ticks + self._config.ease_ticks + 1 - missing
        if state.shown is None or not state.begun or left <= 1:
            return made, state
        # Of the way that is left, the part that lets the passage end on time.
        return state.shown + np.float32(1.0 / left) * (made - state.shown), state


def numbers(state: PlayerState[Any]) -> dict[str, float]:
    """Return what a player counts, each with its unit."""
    buffer = state.buffer
    return {
        "motion_depth_ticks": buffer.depth_ticks,
        "motion_margin_ticks": buffer.margin_ticks,
        "motion_received_packets": buffer.received,
        "motion_lost_packets": buffer.lost,
        "motion_late_packets": buffer.late,
        "motion_strange_packets": buffer.strange,
        "motion_drawn_frames": state.drawn,
        "motion_concealed_frames": state.concealed,
    }
