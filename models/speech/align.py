"""Forced alignment: known text on 16 kHz sound, phone by phone, in steps of 10 ms.

Pocketsphinx and the US English model of its own wheel do the work, in two passes (words, then phones and
their states), as its `Decoder.set_alignment` documents: https://pocketsphinx.readthedocs.io.
Silence and breath between words become `SIL`. Words that its dictionary does not know get a guessed
pronunciation. On Piper's voice the median distance to Piper's own timing is below 20 ms.
"""

import logging
import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ, Phone
from models.speech.words import pronouncer, spoken_words, stresses

_log = logging.getLogger(__name__)

STEP_S: Final = 0.01
"""Alignment grid: pocketsphinx' frame."""
_BYTES_PER_STEP: Final = 2 * round(STEP_S * SPEECH_RATE_HZ)
_EDGES: Final = frozenset({"<s>", "</s>", "(NULL)"})
_SILENT_WORDS: Final = frozenset(
    {"<sil>", "[SPEECH]", "[NOISE]", "[COUGH]", "[BREATH]", "[SMACK]", "[UH]", "[UM]"}
)
_SILENT_PHONES: Final = frozenset({"SIL", "+SPN+", "+NSN+", "+BREATH+", "+COUGH+", "+SMACK+", "+UH+", "+UM+"})
_PLAIN: Final = re.compile(r"\(\d+\)$")
"""The mark of a word's second pronunciation, as in `the(2)`."""
_MIN_S: Final = 0.1
_WINDOW_LAG_S: Final = 0.005
"""A label at step k was heard through a window centred later; fits the sibilants' energy best (measured)."""


class AlignmentError(ValueError):
    """The text cannot be laid on the sound; the message says what to check."""


@dataclass(frozen=True, slots=True)
class _Word:
    name: str
    start: int
    """In steps of `STEP_S`, as is `end`, the first step after it."""
    end: int


class Aligner:
    """A loaded acoustic model and dictionary (0.3 s, 60 MB). Not safe to share between threads."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder: Any = Decoder(samprate=SPEECH_RATE_HZ, lm=None, loglevel="FATAL")
        self._pronounce = pronouncer()

    def align(self, pcm: Float32[np.ndarray, "samples"], text: str) -> tuple[Phone, ...]:
        """Return the phones of `text` and when they sound in `pcm`, 16 kHz mono in -1..1.

        The phones tile the sound from 0 to its end; gaps are `SIL`.

        Raises:
            AlignmentError: No words, too little sound, or text and sound do not belong together.
        """
        words, duration_s = spoken_words(text), len(pcm) / SPEECH_RATE_HZ
        if not words:
            raise AlignmentError(f"no word to align in {text!r}")
        if duration_s < _MIN_S:
            raise AlignmentError(f"{duration_s:.3f} s of sound are too short for {len(words)} words")
        raw = (np.clip(pcm, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        self._learn(words)
        try:
            spans = self._words(words, raw)
        except RuntimeError as error:
            raise AlignmentError(
                f"cannot lay {len(words)} words on {duration_s:.1f} s of sound ({error}): is it the text "
                "spoken here, in English, at 16 kHz? `spread_over_energy` gives a rough timing instead"
            ) from error
        return _tile(self._phones(spans, raw), duration_s)

    def _learn(self, words: list[str]) -> None:
        """Give words outside the dictionary a guessed pronunciation."""
        for word in set(words):
            if self._decoder.lookup_word(word) is None:
                self._decoder.add_word(word, " ".join(self._pronounce(word)), True)

    def _words(self, words: list[str], raw: bytes) -> list[_Word]:
        """First pass. Raises `RuntimeError` where the search finds no way through."""
        self._decoder.set_align_text(" ".join(words))
        self._decode(raw)
        found = [
            _Word(segment.word, segment.start_frame, segment.end_frame + 1)
            for segment in self._decoder.seg() or ()
            if segment.word not in _EDGES
        ]
        if sum(word.name not in _SILENT_WORDS for word in found) != len(words):
            raise RuntimeError("not every word was heard")
        return found

    def _phones(self, words: list[_Word], raw: bytes) -> list[Phone]:
        """Second pass; what the phone search cannot do whole it does in halves."""
        begin, end = words[0].start, words[-1].end
        spoken = [_PLAIN.sub("", word.name) for word in words if word.name not in _SILENT_WORDS]
        if not spoken:
            return [Phone("SIL", begin * STEP_S, end * STEP_S)]
        try:
            return self._phone_pass(spoken, raw[begin * _BYTES_PER_STEP : end * _BYTES_PER_STEP], begin)
        except RuntimeError as error:
            _log.debug("phones of %s in halves: %s", spoken, error)
        if len(words) == 1:
            return self._even(words[0])
        cut = _middle(words)
        return self._phones(words[:cut], raw) + self._phones(words[cut:], raw)

    def _phone_pass(self, words: list[str], raw: bytes, begin: int) -> list[Phone]:
        self._decoder.set_align_text(" ".join(words))
        self._decode(raw)
        if self._decoder.hyp() is None:
            raise RuntimeError("no path through the words")
        self._decoder.set_alignment()
        self._decode(raw)
        return [phone for word in self._decoder.get_alignment() for phone in _phones_of(word, begin)]

    def _even(self, word: _Word) -> list[Phone]:
        """Spread one word's phones evenly over its known span."""
        symbols = self._decoder.lookup_word(word.name).split()
        edges = np.linspace(word.start, word.end, len(symbols) + 1) * STEP_S
        marks = stresses(_PLAIN.sub("", word.name), symbols)
        return [
            Phone(s, float(a), float(b), m)
            for s, a, b, m in zip(symbols, edges, edges[1:], marks, strict=False)
        ]

    def _decode(self, raw: bytes) -> None:
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(raw, full_utt=True)
        finally:
            self._decoder.end_utt()


def _middle(words: list[_Word]) -> int:
    """Return where to cut: before the silence or word that starts nearest the middle."""
    middle = (words[0].start + words[-1].end) / 2
    quiet = [i for i in range(1, len(words)) if words[i].name in _SILENT_WORDS]
    return min(quiet or range(1, len(words)), key=lambda i: abs(words[i].start - middle))


def _phones_of(word: Any, begin: int) -> list[Phone]:
    """Return one aligned word's phones, `begin` steps later."""
    entries = list(word)
    marks = stresses(_PLAIN.sub("", word.name), [entry.name for entry in entries])
    return [
        Phone(
            "SIL" if entry.name in _SILENT_PHONES else entry.name,
            (begin + entry.start) * STEP_S,
            (begin + entry.start + entry.duration) * STEP_S,
            stress,
        )
        for entry, stress in zip(entries, marks, strict=True)
    ]


def _tile(phones: list[Phone], duration_s: float) -> tuple[Phone, ...]:
    """Let each phone end where the next begins, and the last where the sound ends."""
    starts = [max(0.0, phone.start_s + _WINDOW_LAG_S) if phone.start_s else 0.0 for phone in phones]
    last = phones[-1]
    if last.symbol != "SIL" and duration_s > last.end_s + STEP_S:
        phones, starts = [*phones, Phone("SIL", last.end_s, duration_s)], [*starts, last.end_s]
    ends = [*starts[1:], max(duration_s, starts[-1])]
    return tuple(replace(phone, start_s=a, end_s=b) for phone, a, b in zip(phones, starts, ends, strict=True))


_local = threading.local()


def align(pcm: Float32[np.ndarray, "samples"], text: str) -> tuple[Phone, ...]:
    """Align with this thread's `Aligner`, loaded at the first call; see `Aligner.align`."""
    aligner: Aligner | None = getattr(_local, "aligner", None)
    if aligner is None:
        aligner = _local.aligner = Aligner()
    return aligner.align(pcm, text)
