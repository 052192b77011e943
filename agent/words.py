"""The words by which turns are taken: settings, because each language has its own."""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator

_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class WordsConfig(BaseModel):
    """Words with a meaning for turn-taking; how they are written does not matter, but their letters do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unfinished: tuple[str, ...] = (
        "and", "or", "but", "because", "if", "when", "while", "although", "than", "which",
        "whose", "the", "a", "an", "my", "your", "our", "their", "of", "to", "in", "at", "by", "for",
        "with", "from", "about", "into", "between", "without", "i", "he", "she", "we", "they", "i'm",
        "very", "every", "would like", "going to", "kind of", "um", "uh", "er", "erm",
    )  # fmt: skip
    """A turn that ends in one of these goes on."""
    backchannels: tuple[str, ...] = (
        "mhm", "mm", "mmm", "mm-hmm", "uh-huh", "hm", "hmm", "uh", "um", "ah", "oh", "aha", "yeah", "yep",
        "ok", "okay", "right", "i see", "cool", "nice", "wow",
    )  # fmt: skip
    """Said to whoever speaks, these want no answer and no end."""

    @field_validator("unfinished", "backchannels")
    @classmethod
    def _worded(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        wordless = [text for text in texts if not words_of(text)]
        if wordless:
            raise ValueError(f"every entry must hold a word, and {wordless[0]!r} holds none")
        return texts


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in small letters, without what stands between them."""
    return tuple(word.replace("’", "'") for word in _WORD.findall(text.casefold()))


class Words:
    """`WordsConfig` made ready to be asked."""

    def __init__(self, config: WordsConfig) -> None:
        self._unfinished = frozenset(map(words_of, config.unfinished))
        self._longest = max(map(len, self._unfinished), default=0)
        self._backchannels = tuple(sorted(map(words_of, config.backchannels), key=len, reverse=True))

    def is_unfinished(self, text: str) -> bool:
        """Tell whether the last word, or words, of a text want another."""
        words = words_of(text)
        return any(words[-count:] in self._unfinished for count in range(1, self._longest + 1))

    def is_backchannel(self, text: str) -> bool:
        """Tell whether a text is nothing but backchannels: "Yeah, okay." Empty text is not."""
        words = words_of(text)
        return bool(words) and not self._without_backchannels(words)

    def _without_backchannels(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is left when backchannels are taken from the front."""
        while words:
            known = next((b for b in self._backchannels if words[: len(b)] == b), None)
            if known is None:
                return words
            words = words[len(known) :]
        return words
