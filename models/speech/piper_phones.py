"""Piper's own phoneme timing → `Phone`s.

A Piper voice loaded with `include_alignments=True` tells for each espeak symbol how many samples it took; the
counts tile the sentence exactly. The symbols are IPA, one character each: stress marks come before their
vowel and length marks after it, each with samples of its own; affricates and diphthongs come in two.
Symbols: https://github.com/espeak-ng/espeak-ng/blob/master/docs/phonemes.md.
"""

import logging
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from models.motion.stage import Phone
from models.speech.words import is_vowel

_log = logging.getLogger(__name__)

_STRESS: Final = {"ˈ": 1, "ˌ": 2}
_LENGTH: Final = frozenset("ːˑʰʲʷ")
_PAIRS: Final = {
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "tʃ": "CH", "dʒ": "JH",
}  # fmt: skip
_SYMBOLS: Final = {
    "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ʌ": "AH", "ɐ": "AH", "ə": "AH", "ɔ": "AO", "ɛ": "EH",
    "e": "EH", "ɝ": "ER", "ɚ": "ER", "ɜ": "ER", "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "i": "IY", "o": "OW",
    "ʊ": "UH", "u": "UW", "b": "B", "d": "D", "ɾ": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH",
    "k": "K", "x": "K", "l": "L", "ɫ": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R",
    "s": "S", "ʃ": "SH", "t": "T", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "ʍ": "W", "j": "Y", "z": "Z",
    "ʒ": "ZH",
}  # fmt: skip
_PAUSES: Final = frozenset(" _^$.,;:!?¡¿—–…\"()[]«»“”'-")
_WORD_GAP_S: Final = 0.09
"""A bare space up to this long is no pause: the voice runs on, and the sound belongs to its neighbours."""

LABEL_LAG_S: Final = 0.015
"""Piper's labels come this much after the sound: measured by the lag at which its sibilants fit the energy
above 3.5 kHz best."""


class Span(Protocol):
    """What Piper calls `PhonemeAlignment`."""

    @property
    def phoneme(self) -> str:
        """One espeak symbol."""
        ...

    @property
    def num_samples(self) -> int:
        """How long it sounds, in samples of the voice's rate."""
        ...


@dataclass(slots=True)
class _Piece:
    """A symbol that is being put together; `symbol` is IPA, or `SIL`."""

    symbol: str
    samples: int
    stress: int = 0
    gap: bool = False
    """A bare word gap rather than a pause with punctuation."""


def phones_from_piper(spans: Sequence[Span], sample_rate_hz: int, start_s: float = 0.0) -> tuple[Phone, ...]:
    """Turn one sentence's alignment into phones that tile it.

    Args:
        spans: `AudioChunk.phoneme_alignments` of the sentence.
        sample_rate_hz: The voice's rate, `AudioChunk.sample_rate`.
        start_s: When the sentence starts within the utterance.
    """
    pieces = _share_gaps(_join_pairs(_gather(spans)), int(_WORD_GAP_S * sample_rate_hz))
    ends_s = np.cumsum([piece.samples for piece in pieces]) / sample_rate_hz
    heard_s = np.maximum(ends_s - LABEL_LAG_S, 0.0)
    edges_s = start_s + np.concatenate([[0.0], heard_s[:-1], ends_s[-1:]])
    phones: list[Phone] = []
    for piece, begin_s, end_s in zip(pieces, edges_s, edges_s[1:], strict=False):
        symbol = _PAIRS.get(piece.symbol) or _SYMBOLS.get(piece.symbol, "SIL")
        stress = piece.stress if is_vowel(symbol) else 0
        phones.append(Phone(symbol, float(begin_s), float(end_s), stress))
    return tuple(phones)


def _gather(spans: Iterable[Span]) -> list[_Piece]:
    """Fold stress, length and combining marks into their symbol, and run pauses together."""
    pieces: list[_Piece] = []
    stress, carried = 0, 0
    for span in spans:
        mark, samples = span.phoneme, int(span.num_samples)
        if mark in _STRESS:
            stress, carried = _STRESS[mark], carried + samples
        elif pieces and (mark in _LENGTH or unicodedata.combining(mark[:1] or " ")):
            pieces[-1].samples += samples
        elif mark in _SYMBOLS:
            pieces.append(_Piece(mark, samples + carried, stress))
            stress, carried = 0, 0
        else:
            _pause(pieces, mark, samples + carried)
            carried = 0
    return pieces


def _pause(pieces: list[_Piece], mark: str, samples: int) -> None:
    if mark not in _PAUSES:
        _log.warning("Piper symbol %r is unknown; the mouth rests on it", mark)
    if pieces and pieces[-1].symbol == "SIL":
        pieces[-1].samples += samples
        pieces[-1].gap = False
    else:
        pieces.append(_Piece("SIL", samples, gap=mark == " "))


def _join_pairs(pieces: list[_Piece]) -> list[_Piece]:
    """Join diphthongs and affricates, unless the second half bears its own stress."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and joined[-1].symbol + piece.symbol in _PAIRS and not piece.stress:
            joined[-1].symbol += piece.symbol
            joined[-1].samples += piece.samples
        else:
            joined.append(piece)
    return joined


def _share_gaps(pieces: list[_Piece], longest: int) -> list[_Piece]:
    """Give short word gaps to the sounds on both sides, half each."""
    kept: list[_Piece] = []
    owed = 0
    for i, piece in enumerate(pieces):
        if piece.gap and piece.samples <= longest and 0 < i < len(pieces) - 1:
            owed = piece.samples // 2
            kept[-1].samples += piece.samples - owed
            continue
        piece.samples, owed = piece.samples + owed, 0
        kept.append(piece)
    return kept
