"""`CalledMotion`: what came of a person's motion, as a `MotionStage` that whoever draws them can ask."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Generic

from models.motion.frame import FPS, MotionFrame
from models.motion.stage import SAMPLES_PER_FRAME, MotionStage, Presence, SpeechChunk, StateT
from streaming.motion.buffer import AHEAD_MAX
from streaming.motion.errors import MotionStreamError
from streaming.motion.packet import read_packet
from streaming.motion.player import MotionPlayer, PlayerConfig, PlayerState, numbers

WAITING_MAX: Final = 64
"""Packets that may wait for the next frame: ten seconds of them."""
BACK_MAX: Final = 5
"""Ticks the clock may go back without a jump: until it has caught up, the picture stays."""
STILL_FRAMES: Final = 50
"""Two seconds in which neither motion nor voice came: nobody can tell what the person does."""


class How(StrEnum):
    """What a person's picture is made from; the order in which it degrades."""

    TRACKED = "tracked"
    """From their own movement."""
    VOICE = "voice"
    """From their voice alone."""
    STILL = "still"
    """Nothing comes: the last picture stays."""


@dataclass(frozen=True, slots=True)
class CalledState(Generic[StateT]):
    """The player's state, and for how long nothing has come at all."""

    player: PlayerState[StateT]
    silent: int = 0
    """Frames in a row in which neither motion nor voice was there."""


class CalledMotion(Generic[StateT]):
    """`MotionStage` of a person in a call. `push` may be called while a step runs in another thread.

    Of `SpeechChunk.segment_s` it takes the time on the sender's clock; a chunk whose presence is IDLE says
    that nothing comes of the voice.

    Args:
        stage: makes the motion where none came.
        config: how gaps are bridged.
    """

    def __init__(self, stage: MotionStage[StateT], config: PlayerConfig | None = None) -> None:
        self._player = MotionPlayer(stage, config)
        self._stay = (config or PlayerConfig()).stay_ticks
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MAX)
        self.is_seen = True
        """Whether anybody is shown this person; of whom nobody is, nothing is made where none came."""
        self.refused = 0
        """Packets that were none of this stream."""
        self.how = How.STILL
        """What the frame made last is from; for figures and badges."""
        self._figures: dict[str, float] = {}

    def push(self, packet: bytes) -> None:
        """Take a packet, whatever it holds; it is read with the next frame."""
        self._waiting.append(packet)

    def init_state(self, seed: int) -> CalledState[StateT]:
        """Return the state before the first packet."""
        return CalledState(self._player.init_state(seed))

    def step(
        self, chunk: SpeechChunk, state: CalledState[StateT]
    ) -> tuple[Sequence[MotionFrame], CalledState[StateT]]:
        """Return the motion of each frame's time; see `MotionStage`."""
        first = round(chunk.segment_s * FPS)
        player, frames = self._take(_near(first, state.player)), []
        for i in range(chunk.frames):
            pcm = chunk.pcm[i * SAMPLES_PER_FRAME : (i + 1) * SAMPLES_PER_FRAME]
            is_loud = chunk.presence is Presence.SPEAKING
            ahead = chunk.ahead if is_loud else chunk.ahead[:0]
            heard = SpeechChunk(pcm, chunk.presence, ahead, int(is_loud))
            tick = max(first + i, player.buffer.shown)
            frame, player, state = self._step(tick, heard, player, state)
            frames.append(frame)
        self._figures = numbers(player)
        return frames, replace(state, player=player)

    def stats(self) -> dict[str, float]:
        """Return what the player counts, what was refused, and how the picture is made."""
        return {
            **self._figures,
            "motion_refused_packets": self.refused,
            "motion_how": float(_ORDER[self.how]),
        }

    def _take(self, player: PlayerState[StateT]) -> PlayerState[StateT]:
        while self._waiting:
            try:
                player = self._player.push(read_packet(self._waiting.popleft()), player)
            except MotionStreamError:
                self.refused += 1
        return player

    def _step(
        self, tick: int, heard: SpeechChunk, player: PlayerState[StateT], state: CalledState[StateT]
    ) -> tuple[MotionFrame, PlayerState[StateT], CalledState[StateT]]:
        frame, after = self._player.step(tick, heard, player, makes=self.is_seen)
        is_silent = after.missing > 0 and heard.presence is Presence.IDLE
        state = replace(state, silent=state.silent + 1 if is_silent else 0)
        if state.silent > STILL_FRAMES and player.shown is not None:
            self.how = How.STILL
            # What was shown stays, and the stage does not go on: it would only make things up.
            return MotionFrame.from_vector(player.shown), replace(after, shown=player.shown), state
        self.how = How.TRACKED if after.begun and after.missing <= self._stay else How.VOICE
        return frame, after, state


def _near(tick: int, player: PlayerState[StateT]) -> PlayerState[StateT]:
    """Let a player go where the clock has jumped to: it was found, or somebody came late or anew."""
    if -BACK_MAX <= tick - player.buffer.shown <= AHEAD_MAX:
        return player
    return replace(player, buffer=replace(player.buffer, shown=tick - 1))


_ORDER: Final = {how: number for number, how in enumerate(How)}
