"""The next frames of a session: what is heard in each, planned a few frames before its time.

A slot is planned (its sound is fixed), moved (its motion is made), drawn (its picture is made), and handed
out. Speech is planned as far ahead as the stages need; silence barely, so that new speech starts soon.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float32, Int16

from engine.config import SessionConfig
from engine.ear import Ear
from engine.packets import MEDIA_SAMPLES_PER_FRAME
from engine.soften import Ease
from engine.speech import SpeechQueue
from engine.utterance import SpokenFrame, Utterance
from models.motion.cue import Cue, Gesture
from models.motion.frame import FPS, MotionFrame
from models.motion.look import AHEAD, Look
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Presence, SpeechChunk
from models.picture import Picture, Tier

GESTURES_WAITING: Final = 8
"""Gestures that may wait for the next slot; nobody can do more at once."""


@dataclass(slots=True, eq=False)
class Slot:
    """One coming frame."""

    number: int
    """Frames planned before it."""
    presence: Presence
    spoken: SpokenFrame
    utterance: Utterance | None = None
    """What is heard, None for silence."""
    starved: bool = False
    """Whether the sound of an utterance should be heard that has not come."""
    ease: Ease | None = None
    gestures: tuple[Gesture, ...] = ()
    """What begins in this frame, in silence; an utterance knows its own."""
    look: Look = AHEAD
    """At whom."""
    moving: bool = False
    """Whether its motion is being made, or is made."""
    motion: MotionFrame | None = None
    tier: Tier | None = None
    """Chosen when its picture is due."""
    wants_picture: bool = True
    picture: Picture | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be shown as it should be: drawn, or by its tier left undrawn."""
        return self.picture is not None or (self.tier is not None and not self.wants_picture)

    @property
    def segment(self) -> int:
        """Number of the utterance heard, 0 for silence."""
        return self.utterance.number if self.utterance is not None else 0


def _run_of(slots: list[Slot]) -> list[Slot]:
    """Return the first slots that one chunk can hold: one presence, one look, one stretch of speech."""
    run = slots[:1]
    for slot in slots[1:]:
        gap = run[-1].utterance is not None and run[-1].spoken.samples < MEDIA_SAMPLES_PER_FRAME
        if gap or slot.utterance is not run[-1].utterance or slot.presence != run[-1].presence:
            break
        if slot.look != run[-1].look:
            break
        run.append(slot)
    return run


def _cues_of(chunk: list[Slot]) -> tuple[Cue, ...]:
    """Return the gestures of a chunk, as `SpeechChunk` wants them."""
    if chunk[0].utterance is not None:
        return chunk[0].utterance.cues
    return tuple(Cue(gesture, i / FPS) for i, slot in enumerate(chunk) for gesture in slot.gestures)


def _silence(heard: Float32[np.ndarray, "640"]) -> SpokenFrame:
    """Return a frame in which the avatar says nothing, with what it hears of the other."""
    return SpokenFrame(np.zeros(MEDIA_SAMPLES_PER_FRAME, np.int16), heard, 0, 0.0)


@dataclass(slots=True)
class Timeline:
    """Slots that are planned and not handed out, in order. Bounded by lead plus one chunk."""

    speech: SpeechQueue
    config: SessionConfig
    attended: Presence = Presence.IDLE
    """What the person does while it does not speak."""
    ear: Ear = field(default_factory=Ear)
    """The other's voice: the frames in which the avatar listens hold it, no others do."""
    looked: Look = AHEAD
    """Where the person looks, in slots that are not planned yet."""
    due_s: float = math.inf
    """When the first slot is handed out, on the session's clock; infinity where nobody watches the clock."""
    _slots: deque[Slot] = field(default_factory=deque)
    _planned: int = 0
    _eases: deque[Ease] = field(default_factory=deque)
    _gestures: tuple[Gesture, ...] = ()

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def first(self) -> Slot | None:
        """The slot that is handed out next, if it is planned."""
        return self._slots[0] if self._slots else None

    def plan(self) -> None:
        """Plan slots as far ahead as speech, or silence, may be planned."""
        while len(self._slots) < self._horizon():
            self._slots.append(self._next_slot())

    def begin(self, gesture: Gesture) -> None:
        """Let a gesture begin with the next slot that is planned."""
        self._gestures = (*self._gestures, gesture)[-GESTURES_WAITING:]

    def pop(self) -> Slot:
        """Remove and return the slot that is handed out now; plans it if nobody did."""
        return self._slots.popleft() if self._slots else self._next_slot()

    def drop(self, eases: Iterable[Ease]) -> int:
        """Remove all slots because of an interruption, and return how many; the next ones ease as given."""
        dropped = len(self._slots)
        self._slots.clear()
        self._eases = deque(eases)
        return dropped

    def chunk_to_move(self) -> list[Slot]:
        """Return the slots whose motion is made next, together; empty while it is too early."""
        waiting = [slot for slot in self._slots if not slot.moving]
        if not waiting:
            return []
        chunk = _run_of(waiting)
        utterance = waiting[0].utterance
        size = self._chunk_frames(waiting[0])
        moved = len(self._slots) - len(waiting)
        complete = len(chunk) >= size or len(chunk) < len(waiting)
        last = utterance is not None and utterance.planned
        if complete or last or moved < self.config.lead_frames:
            return chunk[:size]
        return []

    def slots_to_draw(self) -> list[tuple[Slot, float]]:
        """Return the slots, each with its time, that have motion, are near it, and are not looked at yet."""
        lead = self.config.lead_frames if self._speech_ahead() else self.config.idle_lead_frames
        near = [(slot, self.due_s + i / FPS) for i, slot in zip(range(lead), self._slots, strict=False)]
        return [(slot, due_s) for slot, due_s in near if slot.motion is not None and slot.tier is None]

    def speech_of(self, chunk: list[Slot]) -> SpeechChunk:
        """Return what the motion stage is told of these slots, which belong to one utterance or to none."""
        first = chunk[0]
        return SpeechChunk(
            pcm=np.concatenate([slot.spoken.speech for slot in chunk]),
            presence=first.presence,
            ahead=self._ahead_of(chunk),
            segment=first.segment,
            segment_s=first.spoken.start_s,
            phones=first.utterance.phones if first.utterance is not None else None,
            cues=_cues_of(chunk),
            look=first.look,
        )

    def heard_next(self, utterance: Utterance, samples: int) -> Int16[np.ndarray, "known"]:
        """Return the sound of `utterance` that would be handed out next."""
        planned = [s.spoken.pcm[: s.spoken.samples] for s in self._slots if s.utterance is utterance]
        return np.concatenate([*planned, utterance.heard_next(samples)])[:samples]

    def _horizon(self) -> int:
        """Return the number of slots that may be planned now."""
        utterance = self.speech.to_plan()
        if utterance is not None and utterance.has_frame:
            return self.config.lead_frames + self.config.chunk_frames
        if utterance is not None and utterance.begun:
            return self.config.idle_lead_frames
        return self.config.idle_lead_frames + self.config.idle_chunk_frames - 1

    def _next_slot(self) -> Slot:
        utterance = self.speech.to_plan()
        starved = utterance is not None and utterance.begun and not utterance.has_frame
        if starved and utterance is not None:
            utterance.drain()
        number, self._planned = self._planned, self._planned + 1
        ease = self._eases.popleft() if self._eases else None
        gestures, self._gestures = self._gestures, ()
        if utterance is not None and (utterance.has_frame or (starved and utterance.has_samples)):
            for gesture in gestures:
                utterance.insert_cue(Cue(gesture))
            self.ear.skip()
            spoken = utterance.take()
            return Slot(number, Presence.SPEAKING, spoken, utterance, starved, ease, look=self.looked)
        return Slot(number, self.attended, _silence(self._hear()), None, starved, ease, gestures, self.looked)

    def _hear(self) -> Float32[np.ndarray, "640"]:
        """Return the frame of the other's voice that belongs to a silent slot."""
        if self.attended == Presence.LISTENING:
            return self.ear.take()
        self.ear.skip()
        return np.zeros(SAMPLES_PER_FRAME, np.float32)

    def _chunk_frames(self, slot: Slot) -> int:
        if slot.utterance is None:
            return self.config.idle_chunk_frames
        if slot.spoken.start_s == 0.0:
            return self.config.first_chunk_frames
        return self.config.chunk_frames

    def _speech_ahead(self) -> bool:
        return any(slot.utterance is not None for slot in self._slots)

    def _ahead_of(self, chunk: list[Slot]) -> Float32[np.ndarray, "known"]:
        utterance = chunk[0].utterance
        if utterance is None:
            return np.zeros(0, np.float32)
        wanted = self.config.lookahead_ms * SPEECH_RATE_HZ // 1000
        later = [s for s in self._slots if s.utterance is utterance and s.number > chunk[-1].number]
        known = [slot.spoken.speech for slot in later]
        return np.concatenate([*known, utterance.seen_next(wanted)])[:wanted]
