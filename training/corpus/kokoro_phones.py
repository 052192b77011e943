"""Text → the symbols Kokoro reads, and their durations → `Phone`s.

Espeak's IPA is cut into pieces; each piece becomes symbols of Kokoro's alphabet, as misaki does it:
https://github.com/hexgrad/misaki/blob/main/misaki/espeak.py (`EspeakFallback`). The durations come back
through the pieces, so that the phones are the ones Piper's voices have for the same text.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.motion.stage import Phone
from models.speech.piper_phones import phones_from_piper

_BOTH: Final = {
    "aɪ": "I", "aʊ": "W", "dʒ": "ʤ", "eɪ": "A", "tʃ": "ʧ", "ɔɪ": "Y", "ɚ": "əɹ", "n̩": "ᵊn",
    "l̩": "ᵊl", "m̩": "ᵊm", "ʔn̩": "tn", "ʔ": "t", "ɐ": "ə", "r": "ɹ", "x": "k", "ç": "k", "ɬ": "l", "ʲ": "",
    "o": "ɔ", "e": "A", "g": "ɡ", "\u0303": "",
}  # fmt: skip
_US: Final = _BOTH | {"oʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ɾ": "T", "ː": ""}
_GB: Final = _BOTH | {"əʊ": "Q", "eə": "ɛː", "iə": "ɪə"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of espeak's IPA and what Kokoro reads for it."""

    ipa: str
    symbols: str


@dataclass(frozen=True, slots=True)
class _Span:
    """See `models.speech.piper_phones.Span`."""

    phoneme: str
    num_samples: int


def pieces_of(ipa: str, british: bool) -> list[Piece]:
    """Cut decomposed IPA into the longest pieces of the table, and single characters elsewhere."""
    table = _GB if british else _US
    longest_first = sorted(map(re.escape, table), key=len, reverse=True)
    cut = re.findall(f"{'|'.join(longest_first)}|.", ipa, re.DOTALL)
    return [Piece(piece, table.get(piece, piece)) for piece in cut]


def phones_from_kokoro(
    pieces: Sequence[Piece], durations: Sequence[int], sample_rate_hz: int
) -> tuple[Phone, ...]:
    """Lay phones over the sound, roughly: Kokoro's labels come some 60 ms after it, and pauses drift.

    Args:
        pieces: What was read, all of it.
        durations: Samples of each symbol, with those of the silence before and after.
        sample_rate_hz: Rate of those samples.
    """
    spans = [_Span("^", durations[0])]
    at = 1
    for piece in pieces:
        spans += _share(piece.ipa, sum(durations[at : at + len(piece.symbols)]))
        at += len(piece.symbols)
    spans.append(_Span("$", durations[at]))
    return phones_from_piper(spans, sample_rate_hz)


def _share(ipa: str, samples: int) -> list[_Span]:
    """Share samples evenly between a piece's characters; marks have none."""
    marks = [unicodedata.combining(character) or character == "ː" for character in ipa]
    count = max(1, marks.count(False))
    each = [0 if mark else samples // count for mark in marks]
    each[0] += samples - sum(each)
    return [_Span(character, share) for character, share in zip(ipa, each, strict=True)]
