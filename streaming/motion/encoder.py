"""`MotionEncoder`: motion frames in, packets out, one state between them."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSIONS, JOINTS, MOTION_SIZE
from streaming.motion.channels import step_sizes, to_units
from streaming.motion.config import MotionConfig
from streaming.motion.packet import ECHO_SPACING, SEQUENCES, TICKS, Header
from streaming.motion.quantise import Units, code_frames
from streaming.motion.rate import STRIDES, Rate, after_packet

_FACE_END: Final = len(EXPRESSIONS)
_BODY_END: Final = _FACE_END + 3 * len(JOINTS)
_PARTS: Final = {"face": (0, _FACE_END), "body": (_FACE_END, _BODY_END), "hands": (_BODY_END, MOTION_SIZE)}


@dataclass(frozen=True, slots=True)
class EncoderState:
    """Everything a sender remembers."""

    rate: Rate
    tick: int = 0
    """Ticks since the start; counts on beyond 65536."""
    sequence: int = 0
    waiting: tuple[Units, ...] = ()
    """Frames of the packet being gathered."""
    began: int = 0
    """Tick of the first of them."""
    due: int = 0
    """Tick of the frame to be sent next; those before are passed over where frames are rare."""
    past: tuple[Units, ...] = ()
    """The latest frames, one each tick, for echoes; the last is the latest."""
    anchor: Units = (0,) * MOTION_SIZE
    """The pose that counts as unchanged."""
    still: int = 0
    """Ticks it has been unchanged."""
    held: int = -1
    """Tick since which the pose stays, or -1 while the person moves."""


class MotionEncoder:
    """Codes 25 frames a second. Holds its settings alone; `step` and `flush` take and return the state."""

    def __init__(self, config: MotionConfig) -> None:
        self._config = config
        self._threshold = step_sizes(config.finest)
        sent = np.zeros(MOTION_SIZE, np.bool_)
        for part in config.parts:
            sent[slice(*_PARTS[part])] = True
        self._sent = sent
        self._history = config.echoes * ECHO_SPACING * STRIDES[-1] + config.packet_ticks * STRIDES[-1]

    def init_state(self, tick: int = 0) -> EncoderState:
        """Return the state before the frame of `tick`."""
        return EncoderState(Rate(self._config.finest), tick=tick)

    def step(
        self, motion: Float32[np.ndarray, "frames 98"], state: EncoderState
    ) -> tuple[list[bytes], EncoderState]:
        """Take frames that follow the last ones; return the packets that are complete."""
        packets = []
        for row in to_units(np.where(self._sent, motion, np.float32(0))).tolist():
            packet, state = self._take(tuple(row), state)
            packets += [packet] if packet else []
        return packets, state

    def flush(self, state: EncoderState) -> tuple[list[bytes], EncoderState]:
        """Send what waits, in a shorter packet."""
        if not state.waiting:
            return [], state
        packet, state = self._send(state, holds=False)
        return [packet], state

    def skip(self, ticks: int, state: EncoderState) -> tuple[list[bytes], EncoderState]:
        """Let ticks pass in which nothing is known of the person; send what waits before them.

        Echoes lie at fixed distances, so those from before the gap are forgotten.
        """
        packets, state = self.flush(state)
        return packets, replace(state, tick=state.tick + ticks, due=0, past=(), still=0, held=-1)

    def _take(self, frame: Units, state: EncoderState) -> tuple[bytes | None, EncoderState]:
        """Take one frame."""
        state = self._watch(frame, state)
        packet = None
        if state.held >= 0 or (not state.waiting and state.still >= self._config.still_ticks):
            packet, state = self._hold(frame, state)
        else:
            packet, state = self._gather(frame, state)
        past = (*state.past, frame)[-self._history :]
        return packet, replace(state, tick=state.tick + 1, past=past)

    def _watch(self, frame: Units, state: EncoderState) -> EncoderState:
        """Count how long the person has not moved by more than a step; any movement ends a hold."""
        apart = zip(frame, state.anchor, self._threshold, strict=True)
        if all(abs(value - anchor) <= step for value, anchor, step in apart):
            return replace(state, still=state.still + 1)
        return replace(state, still=0, anchor=frame, held=-1)

    def _hold(self, frame: Units, state: EncoderState) -> tuple[bytes | None, EncoderState]:
        """Send a pose that stays: twice at first, for the first may be lost, then rarely."""
        state = replace(state, held=state.tick if state.held < 0 else state.held)
        since = state.tick - state.held
        if since != 1 and since % self._config.keepalive_ticks:
            return None, state
        return self._send(replace(state, waiting=(frame,), began=state.tick, due=0), holds=True)

    def _gather(self, frame: Units, state: EncoderState) -> tuple[bytes | None, EncoderState]:
        """Add the frame to the packet when it is due, and send the packet when it is full."""
        if state.tick < state.due:
            return None, state
        stride, began = state.rate.stride, state.began if state.waiting else state.tick
        state = replace(state, waiting=(*state.waiting, frame), began=began, due=state.tick + stride)
        if len(state.waiting) * stride < self._config.packet_ticks:
            return None, state
        return self._send(state, holds=False)

    def _send(self, state: EncoderState, *, holds: bool) -> tuple[bytes, EncoderState]:
        rate, frames = state.rate, len(state.waiting)
        # Echoes are counted from the packet's first frame, which lies so far back in the past.
        reach = state.tick - state.began
        echoes = [
            state.past[-back]
            for i in range(self._config.echoes)
            if (back := reach + ECHO_SPACING * rate.stride * (i + 1)) <= len(state.past)
        ]
        sequence, tick = state.sequence % SEQUENCES, state.began % TICKS
        header = Header(sequence, tick, frames, rate.stride, rate.quality, len(echoes), holds)
        packet = code_frames(header, list(state.waiting), echoes)
        ticks = self._config.keepalive_ticks if holds else frames * rate.stride
        return packet, replace(
            state,
            sequence=state.sequence + 1,
            waiting=(),
            rate=after_packet(rate, self._config, len(packet), ticks),
        )
