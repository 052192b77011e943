"""What is said while the mind is slow, such as "Let me think"."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.words import words_of

_SPOKEN_MAX: Final = 40
"""Characters; a longer one would keep the answer waiting."""


class FillersConfig(BaseModel):
    """When a slow mind is bridged, and by what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_s: float = Field(default=1.2, ge=0)
    """Wait for the mind's first sentence, from the end of the turn, after which one is said; 0 never."""
    texts: tuple[str, ...] = ("Hm.", "Let me think.", "Well.", "One moment.")
    """In the language of the voice; none: the avatar only looks thoughtful."""

    @field_validator("texts")
    @classmethod
    def _sayable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            if not words_of(text) or len(text) > _SPOKEN_MAX:
                raise ValueError(f"a filler is a few words of at most {_SPOKEN_MAX} characters, not {text!r}")
        return texts


class Fillers:
    """One conversation's fillers: the same is never said twice in a row."""

    def __init__(self, config: FillersConfig) -> None:
        self._texts = config.texts if config.after_s else ()
        self._next = 0
        self._just_said = False
        self.after_s = config.after_s
        """See `FillersConfig`."""

    def next(self) -> str | None:
        """Return what to say now; None where there is nothing that was not said just before."""
        if not self._texts or (len(self._texts) == 1 and self._just_said):
            self._just_said = False
            return None
        text = self._texts[self._next % len(self._texts)]
        self._next += 1
        self._just_said = True
        return text

    def not_needed(self) -> None:
        """Note that an answer came in time: what was said before it may be said again."""
        self._just_said = False
