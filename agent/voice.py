"""Text → speech with known timing: the seam and its fake.

Errors: `VoiceError` (RuntimeError): no voice, or it failed at this text; `VoiceMissingError`: not installed.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from jaxtyping import Int16

from models.motion.stage import Phone


class VoiceError(RuntimeError):
    """The voice failed; the message says why."""


class VoiceMissingError(VoiceError):
    """The voice is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Word:
    """One written word and when it sounds, in seconds from the start of its piece."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A stretch of speech that was made at once."""

    pcm: Int16[np.ndarray, "samples"]
    """Mono."""
    sample_rate_hz: int
    phones: tuple[Phone, ...]
    """Sounds that tile the piece, in seconds from its start."""
    words: tuple[Word, ...]
    """The text's words in order."""

    @property
    def duration_s(self) -> float:
        """Seconds of speech."""
        return len(self.pcm) / self.sample_rate_hz


class Voice(Protocol):
    """Speaks. One voice serves every visit."""

    def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield the speech of `text` piece by piece. Raises `VoiceError`. An async generator."""
        ...

    async def aclose(self) -> None:
        """Finish what runs and free the model. Safe to call twice."""
        ...


def spread_words(words: Sequence[str], duration_s: float) -> tuple[Word, ...]:
    """Share `duration_s` out among `words` by their letters, for when nothing better is known."""
    letters = np.array([len(word) + 1 for word in words], float)
    edges = np.concatenate([[0.0], np.cumsum(letters)]) * (duration_s / letters.sum() if len(words) else 0.0)
    spans = zip(words, edges[:-1], edges[1:], strict=True)
    return tuple(Word(word, float(start), float(end)) for word, start, end in spans)


class SilentVoice:
    """A `Voice` for a machine without one: as much silence as reading the text takes, for captions' sake."""

    SAMPLE_RATE_HZ: Final = 16_000
    LETTER_S: Final = 0.06

    async def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield one silent piece."""
        duration_s = len(text) * self.LETTER_S
        pcm = np.zeros(round(duration_s * self.SAMPLE_RATE_HZ), np.int16)
        words = spread_words(text.split(), duration_s)
        yield SpokenPiece(pcm, self.SAMPLE_RATE_HZ, (Phone("SIL", 0.0, duration_s),), words)

    async def aclose(self) -> None:
        """Nothing to free."""


class ToneVoice:
    """Fake `Voice`: each letter is a tone of 60 ms; every word is a piece, a pause of 60 ms after it.

    Args:
        delay_s: how long each piece takes to make.
        fails_on: a word at which it raises `VoiceError`.
    """

    SAMPLE_RATE_HZ: Final = 16_000
    LETTER_S: Final = 0.06

    def __init__(self, delay_s: float = 0.0, fails_on: str | None = None) -> None:
        self._delay_s = delay_s
        self._fails_on = fails_on

    async def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield one piece for each word."""
        for word in text.split():
            await asyncio.sleep(self._delay_s)
            if self._fails_on is not None and self._fails_on in word:
                raise VoiceError(f"this voice cannot say {word!r}")
            yield self._say(word)

    async def aclose(self) -> None:
        """Nothing to free."""

    def _say(self, word: str) -> SpokenPiece:
        sound_s = len(word) * self.LETTER_S
        t = np.arange(round(sound_s * self.SAMPLE_RATE_HZ)) / self.SAMPLE_RATE_HZ
        tone = (8000 * np.sin(2 * np.pi * 220 * t)).astype(np.int16)
        pcm = np.concatenate([tone, np.zeros(round(self.LETTER_S * self.SAMPLE_RATE_HZ), np.int16)])
        end_s = len(pcm) / self.SAMPLE_RATE_HZ
        phones = (Phone("AA", 0.0, sound_s, 1), Phone("SIL", sound_s, end_s))
        return SpokenPiece(pcm, self.SAMPLE_RATE_HZ, phones, (Word(word, 0.0, sound_s),))
