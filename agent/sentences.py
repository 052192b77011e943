"""Streamed tokens → pieces that can be spoken, as early as the ear allows.

A piece ends where a sentence ends; the first may end at a comma, so that the voice can begin. Where a piece
ends depends only on the text, never on how it was cut into tokens.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FIRST_MIN_CHARS: Final = 8
"""A first piece shorter than this does not end at a comma: the voice would run dry before the next."""
MAX_CHARS: Final = 220
"""A piece this long is cut at its last comma or space: a voice makes a whole piece at once."""

FIRST_MARK: Final = "\U000f0000"
LAST_MARK: Final = "\U000f00ff"
"""Private characters that stand for something other than words (`agent.tags`) and pass through untouched."""

_ABBREVIATIONS: Final = re.compile(
    "mrs?|ms|dr|prof|sr|jr|st|mt|vs|etc|e[.]g|i[.]e|cf|approx|dept|est|no|vol|fig|inc|ltd|co|u[.][sk]|[ap][.]m|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|gen|col|sgt|capt|rev|hon|gov|sen|rep",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(rf"""([.!?…]+)["'”’)\]*_{FIRST_MARK}-{LAST_MARK}]*(?=\s)|\n""")
_CLAUSE_END: Final = re.compile(r"[,;:—–]+(?=\s)")
_LINE_MARK: Final = re.compile(r"^[ \t]*(?:[-*+•][ \t]+|\d{1,2}[.)][ \t]+|#{1,6}[ \t]+|>[ \t]*|```\w*)", re.M)
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS: Final = re.compile(r"\*+|`+|~~|(?<!\w)_+|_+(?!\w)")
_STAGE: Final = re.compile(
    r"(?<!\*)\*(?:smiles?|laughs?|nods?|grins?|chuckles?|winks?|sighs?)[^*\n]*\*(?!\*)", re.I
)
_SPACE: Final = re.compile(r"\s+")
_KEPT_SYMBOLS: Final = frozenset("°©®™")


@dataclass(frozen=True, slots=True)
class SplitterState:
    """Text that waits for its end."""

    text: str = ""
    begun: bool = False
    """True once a piece has been given out."""


class SentenceSplitter:
    """Cuts a stream of text into spoken pieces: plain words, without markdown and emoji."""

    def init_state(self) -> SplitterState:
        """Return the state before the first token."""
        return SplitterState()

    def step(self, delta: str, state: SplitterState) -> tuple[Sequence[str], SplitterState]:
        """Return the pieces that `delta` completes, and the state after it."""
        text, begun = state.text + delta, state.begun
        pieces: list[str] = []
        while (cut := _first_cut(text, begun)) is not None:
            piece = speakable(text[:cut])
            text = text[cut:]
            if piece:
                pieces.append(piece)
                begun = True
        return pieces, SplitterState(text, begun)

    def whole(self, text: str) -> Sequence[str]:
        """Return the pieces of a text that is complete; none of them ends at a comma to be early."""
        first, state = self.step(text, SplitterState(begun=True))
        last, _ = self.flush(state)
        return [*first, *last]

    def flush(self, state: SplitterState) -> tuple[Sequence[str], SplitterState]:
        """Return what is left as a last piece, and a fresh state."""
        pieces, rest = self.step("\n", state)
        last = speakable(rest.text)
        return [*pieces, last] if last else pieces, SplitterState()


def speakable(text: str) -> str:
    """Return `text` as it is read out: no markdown or emoji, single spaces; empty without word or mark."""
    text = _LINE_MARK.sub("", _STAGE.sub("", text))
    text = _EMPHASIS.sub("", _LINK.sub(r"\1", text))
    text = "".join(char for char in text if not _is_picture(char))
    text = _SPACE.sub(" ", text).strip()
    return text if any(char.isalnum() or _is_mark(char) for char in text) else ""


def _is_mark(char: str) -> bool:
    return FIRST_MARK <= char <= LAST_MARK


def _is_picture(char: str) -> bool:
    if char in _KEPT_SYMBOLS or _is_mark(char):
        return False
    return unicodedata.category(char) in ("So", "Sk", "Cs", "Co") or char in "\ufe0f\u200d\u20e3"


def _first_cut(text: str, begun: bool) -> int | None:
    """Return where the first piece of `text` ends, or None while that cannot be known.

    Each rule looks only at what stands before a cut and the one character after: later text changes nothing.
    """
    sentence = next((m.end() for m in _SENTENCE_END.finditer(text) if _ends_sentence(text, m)), None)
    limit = len(text) if sentence is None else sentence
    if not begun:
        clause = next((m.end() for m in _CLAUSE_END.finditer(text, FIRST_MIN_CHARS, limit)), None)
        if clause is not None and clause <= MAX_CHARS:
            return clause
    if limit > MAX_CHARS:
        return _forced_cut(text[:MAX_CHARS])
    return sentence


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Tell a full stop from the dot of an abbreviation, an initial, or a numbered line."""
    if match.group(1) != ".":
        return True
    line = text[: match.start()].rsplit("\n", 1)[-1]
    word = line.rsplit(maxsplit=1)[-1].lstrip("(\"'“‘[*_") if line.split() else ""
    if _ABBREVIATIONS.fullmatch(word) or (len(word) == 1 and word.isalpha() and word != "I"):
        return False
    return not (line.strip().isdigit() and len(line.strip()) <= 2)


def _forced_cut(text: str) -> int:
    clauses = [match.end() for match in _CLAUSE_END.finditer(text)]
    if clauses and clauses[-1] > MAX_CHARS // 2:
        return clauses[-1]
    space = text.rfind(" ")
    return space + 1 if space > 0 else len(text)
