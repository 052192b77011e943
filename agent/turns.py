"""Words of turn-taking: what arrives, and what one turn consists of."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int16
from pydantic import BaseModel, ConfigDict, Field

from agent.latency import TurnClock
from agent.recital import Request
from agent.suspicion import Suspicion


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


@dataclass(frozen=True, slots=True)
class TurnOver:
    """A turn has come to its end."""


Input = MicSound | Typed | KeyDown | KeyUp | TurnOver | Request


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
    request: Request | None = None
    """What the avatar was asked to say, where nobody asked anything."""
