"""Words of turn-taking: who has the floor, what arrives, and what one turn consists of."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import BaseModel, ConfigDict, Field

from agent.latency import TurnClock
from agent.suspicion import Suspicion
from models.motion.stage import Presence


class Floor(StrEnum):
    """State of a conversation; the values are what the page is told."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"

    @property
    def presence(self) -> Presence:
        """What the person does meanwhile, as long as no sound comes."""
        return Presence.THINKING if self is Floor.SPEAKING else Presence(self.value)


class ConversationConfig(BaseModel):
    """How turns are taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_after_s: float = Field(default=30.0, gt=0)
    """Silence after which the avatar stops attending."""
    ahead_s: float = Field(default=4.0, gt=0)
    """Speech that is made ahead of what is heard."""
    history_chars: int = Field(default=1600, ge=200)
    """How much of the conversation the mind is shown; 1,600 characters are about 400 tokens."""
    resume_within_s: float = Field(default=5.0, ge=0)
    """An answer that was cut off by no words goes on, when that is known within this time; 0 never."""
    noise_max_s: float = Field(default=0.2, ge=0)
    """What sounds like speech for longer cuts an answer off for good, though no word of it is understood."""


@dataclass(frozen=True, slots=True)
class MicSound:
    """The visitor's microphone."""

    pcm: Int16[np.ndarray, "samples"]
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed turn."""

    text: str
    at_s: float
    """Loop time at which it came."""


@dataclass(frozen=True, slots=True)
class KeyDown:
    """Push-to-talk begins."""


@dataclass(frozen=True, slots=True)
class KeyUp:
    """Push-to-talk ends."""


Input = MicSound | Typed | KeyDown | KeyUp


@dataclass(slots=True)
class Turn:
    """One question and its answer, while they go on."""

    number: int
    clock: TurnClock
    text: str | None = None
    """The visitor's words; None until they are known."""
    pcm: Float32[np.ndarray, "samples"] = field(default_factory=lambda: np.zeros(0, np.float32))
    """The visitor's sound, while its words are not known."""
    voiced_s: float = 0.0
    """How much of that sounded like speech."""
    suspicion: Suspicion | None = None
    """What was begun in the pause that ended it."""
