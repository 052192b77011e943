"""Is the visitor done? How long a silence must be to end a turn: the seam, and what decides by the words.

The words are those recognised on suspicion in a pause. Who has finished a sentence is answered soon; who
breaks off after "and" is waited for.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.words import Words

_BROKEN_OFF: Final = re.compile(r"(?:\.\.\.|…|[,;:–—-])[\"'”’)]*$")
_COMPLETE: Final = re.compile(r"[.!?。！？؟।]+[\"'”’)]*$")
_QUESTION: Final = re.compile(r"[?？؟][\"'”’)]*$")


class TurnEndConfig(BaseModel):
    """How long a pause is only a pause."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["words", "silence"] = "words"
    """words: as the words tell; silence: every turn ends after `vad.min_silence_ms`."""
    unsure_ms: int = Field(default=700, ge=64)
    """Silence that ends a turn whose words are not known yet, or tell nothing."""
    incomplete_ms: int = Field(default=1400, ge=64)
    """Silence that ends a turn which breaks off in the middle of a sentence."""

    @model_validator(mode="after")
    def _ordered(self) -> "TurnEndConfig":
        if self.unsure_ms > self.incomplete_ms:
            raise ValueError(f"unsure_ms {self.unsure_ms} is above incomplete_ms {self.incomplete_ms}")
        return self


Eagerness = Literal["low", "medium", "high", "auto"]


def eager(config: TurnEndConfig, eagerness: Eagerness) -> TurnEndConfig:
    """Return settings for who waits longer (`low`) than `config` says, or shorter (`high`)."""
    if eagerness == "low":
        return config.model_copy(update={"unsure_ms": config.incomplete_ms})
    if eagerness == "high":
        return config.model_copy(update={"incomplete_ms": config.unsure_ms})
    return config


@dataclass(frozen=True, slots=True)
class Patience:
    """How a pause is taken."""

    silence_ms: int | None
    """Silence that ends the turn; None leaves it to `vad.min_silence_ms`."""
    over: bool
    """Whether the turn is probably over, so that an answer may be prepared."""


class TurnEnd(Protocol):
    """Judges pauses by what was said before them."""

    def judge(self, text: str | None) -> Patience:
        """Return how a pause after these words is taken; None while the words are not known."""
        ...


class SilentTurnEnd:
    """A `TurnEnd` for which silence alone decides; also its fake."""

    def judge(self, text: str | None) -> Patience:
        """Return the same for all words."""
        return Patience(None, over=text is not None)


class Completeness(StrEnum):
    """What the words of a turn tell."""

    COMPLETE = "complete"
    UNSURE = "unsure"
    INCOMPLETE = "incomplete"


class WordsTurnEnd:
    """Goes by how a recogniser writes down the end of a sentence, and by words that want another."""

    def __init__(self, words: Words, config: TurnEndConfig) -> None:
        self._words = words
        self._patience = {
            Completeness.COMPLETE: Patience(None, over=True),
            Completeness.UNSURE: Patience(config.unsure_ms, over=True),
            Completeness.INCOMPLETE: Patience(config.incomplete_ms, over=False),
        }
        self._unknown = Patience(config.unsure_ms, over=False)

    def judge(self, text: str | None) -> Patience:
        """Return how a pause is taken; see `TurnEnd`."""
        return self._unknown if text is None else self._patience[self.completeness(text)]

    def completeness(self, text: str) -> Completeness:
        """Return what the last word and the mark behind it tell; nothing said is complete."""
        text = text.strip()
        if not text or _QUESTION.search(text) or self._words.is_backchannel(text):
            return Completeness.COMPLETE
        if _BROKEN_OFF.search(text) or self._words.is_unfinished(text):
            return Completeness.INCOMPLETE
        return Completeness.COMPLETE if _COMPLETE.search(text) else Completeness.UNSURE


def turn_end(config: TurnEndConfig, words: Words) -> TurnEnd:
    """Return what `config` asks for."""
    return WordsTurnEnd(words, config) if config.kind == "words" else SilentTurnEnd()
