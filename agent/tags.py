"""Gestures that a mind writes into its answer, `[smile] Hello!`: taken out of the text while it streams.

A tag becomes a mark, one private character, that travels through the splitter with the words around it; what
comes out are sentences without marks, each with its gestures and the words they stand before. Tags are
never spoken and never captioned. A bracketed word that is no gesture is left out too, and told; links
(`[text](url)`) and anything longer than two words stay text.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.sentences import FIRST_MARK, LAST_MARK, SentenceSplitter, SplitterState
from agent.voice import SpokenPiece
from models.motion.cue import Cue, Gesture
from streaming.delivery import END_LEAD_S

_log = logging.getLogger(__name__)

SYNONYMS: Final = {
    "smiles": "smile", "smiling": "smile", "grin": "smile", "grins": "smile", "happy": "smile",
    "laughs": "laugh", "laughing": "laugh", "chuckle": "laugh", "chuckles": "laugh", "giggle": "laugh",
    "nods": "nod", "nodding": "nod", "yes": "nod",
    "shakes head": "shake", "shake head": "shake", "headshake": "shake", "no": "shake",
    "tilts head": "tilt", "tilt head": "tilt", "curious": "tilt",
    "raises eyebrows": "brows", "raise brows": "brows", "eyebrows": "brows", "brow raise": "brows",
    "surprised": "surprise", "gasp": "surprise", "gasps": "surprise",
    "frowns": "frown", "angry": "frown", "concerned": "sad", "sigh": "sad", "sighs": "sad", "sadly": "sad",
    "thinks": "think", "thinking": "think", "ponders": "think", "hmm": "think",
    "winks": "wink", "shrugs": "shrug", "waves": "wave", "waving": "wave",
}  # fmt: skip
"""What language models write instead."""
NAME_MAX_CHARS: Final = 20
"""A bracket that has not closed after so many characters is no tag."""

_TAG: Final = re.compile(r"\[([a-z]+(?:[ _-][a-z]+)?)\]", re.IGNORECASE)
_MAYBE_TAG: Final = re.compile(rf"\[[a-z _-]{{0,{NAME_MAX_CHARS}}}\]?", re.IGNORECASE)
_MARK: Final = re.compile(f"[{FIRST_MARK}-{LAST_MARK}]")
_GESTURES: Final = tuple(Gesture)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is spoken at once."""

    text: str
    """Plain words; empty when only gestures were written."""
    gestures: tuple[tuple[Gesture, int], ...] = ()
    """Each with the number of words of `text` before it."""


@dataclass(frozen=True, slots=True)
class ScriptState:
    """Text that may become a tag, and text that waits for its sentence's end."""

    held: str = ""
    splitter: SplitterState = SplitterState()  # noqa: RUF009  (frozen)

    @property
    def begun(self) -> bool:
        """True once a sentence has been given out."""
        return self.splitter.begun


class ScriptReader:
    """Cuts a stream of text into sentences with gestures. How it was cut into tokens changes nothing."""

    def __init__(self) -> None:
        self._splitter = SentenceSplitter()

    def init_state(self) -> ScriptState:
        """Return the state before the first token."""
        return ScriptState()

    def step(self, delta: str, state: ScriptState) -> tuple[Sequence[Sentence], ScriptState]:
        """Return the sentences that `delta` completes, and the state after it."""
        text, held = _mark(state.held + _MARK.sub("", delta), complete=False)
        pieces, splitter = self._splitter.step(text, state.splitter)
        return [_unmarked(piece) for piece in pieces], ScriptState(held, splitter)

    def flush(self, state: ScriptState) -> tuple[Sequence[Sentence], ScriptState]:
        """Return what is left as last sentences, and a fresh state."""
        text, _ = _mark(state.held, complete=True)
        pieces, splitter = self._splitter.step(text, state.splitter)
        last, splitter = self._splitter.flush(splitter)
        return [_unmarked(piece) for piece in (*pieces, *last)], ScriptState("", splitter)

    def whole(self, text: str) -> Sequence[Sentence]:
        """Return the sentences of a text that is complete; none of them ends at a comma to be early."""
        first, state = self.step(text, ScriptState(splitter=SplitterState(begun=True)))
        last, _ = self.flush(state)
        return [*first, *last]


def cues_of(sentence: Sentence, piece: SpokenPiece, spoken_words: int) -> tuple[Cue, ...]:
    """Return the gestures of a sentence that lie in a piece of it, in the piece's time.

    Args:
        sentence: what is being spoken.
        piece: a stretch of it.
        spoken_words: words of the sentence in the pieces before.
    """
    cues = []
    until = spoken_words + len(piece.words)
    last = until >= len(sentence.text.split())
    for gesture, word in sentence.gestures:
        if spoken_words <= word < until:
            cues.append(Cue(gesture, piece.words[word - spoken_words].start_s))
        elif last and word >= until:
            cues.append(Cue(gesture, max(0.0, piece.duration_s - END_LEAD_S)))
    return tuple(sorted(cues, key=lambda cue: cue.at_s))


def _mark(text: str, *, complete: bool) -> tuple[str, str]:
    """Replace the tags of a text; return it up to what may still become one, and that rest.

    In a complete text the rest is a tag that broke off; it is no word either.
    """
    out, at = "", 0
    while (begin := text.find("[", at)) >= 0:
        out += text[at:begin]
        tag = _TAG.match(text, begin)
        maybe = _MAYBE_TAG.match(text, begin)
        if maybe is not None and maybe.end() == len(text) and not (complete and tag):
            # Either it goes on, or the answer broke off within a tag.
            return out, text[begin:]
        if tag is None or text[tag.end() : tag.end() + 1] == "(":
            out, at = out + "[", begin + 1
        else:
            out, at = out + _mark_of(tag.group(1)), tag.end()
    return out + text[at:], ""


def _mark_of(name: str) -> str:
    known = name.lower().replace("_", " ").replace("-", " ")
    known = SYNONYMS.get(known, known)
    if known in Gesture.__members__.values():
        return chr(ord(FIRST_MARK) + _GESTURES.index(Gesture(known)))
    _log.info("no gesture is called %r; it is left out", name)
    return ""


def _unmarked(piece: str) -> Sentence:
    """Take the marks out of a piece, and note where they stood."""
    gestures, text = [], ""
    for part in re.split(f"({_MARK.pattern})", piece):
        if _MARK.fullmatch(part):
            gestures.append((_GESTURES[ord(part) - ord(FIRST_MARK)], len(text.split())))
        else:
            text += part
    text = re.sub(r"\s+([,.;:!?…])", r"\1", re.sub(r"\s+", " ", text).strip()) if gestures else text
    return Sentence(text if any(map(str.isalnum, text)) else "", tuple(gestures))
