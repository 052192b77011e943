"""Rough phone timing without an acoustic model: the text spread over where there is sound.

The way out when forced alignment finds none (`models.speech.align.AlignmentError`): music under the voice,
another language's names, a transcript with slips. Expect errors of a syllable; mouths still open and close
with the voice.
"""

from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from models.motion.stage import SPEECH_RATE_HZ, Phone
from models.speech.align import AlignmentError, align
from models.speech.words import is_vowel, pronouncer, spoken_words, stresses

_HOP_S: Final = 0.02
_FLOOR_DB: Final = 30.0
"""What lies further than this under the loudest 5 % counts as silence."""
_MIN_PAUSE_S: Final = 0.2
_VOWEL_WEIGHT: Final = 1.5
"""A vowel lasts about one and a half consonants in running speech (Crystal & House 1988)."""


def spread_over_energy(pcm: Float32[np.ndarray, "samples"], text: str) -> tuple[Phone, ...]:
    """Spread the phones of `text` over the sounding parts of `pcm`, 16 kHz mono in -1..1.

    Raises:
        AlignmentError: No words.
    """
    words = spoken_words(text)
    if not words:
        raise AlignmentError(f"no word to spread in {text!r}")
    pronounce = pronouncer()
    spoken: list[tuple[str, int]] = []
    for word in words:
        symbols = pronounce(word)
        spoken += zip(symbols, stresses(word, symbols), strict=True)
    return _lay(spoken, _stretches(pcm), len(pcm) / SPEECH_RATE_HZ)


def align_or_spread(pcm: Float32[np.ndarray, "samples"], text: str) -> tuple[tuple[Phone, ...], bool]:
    """Return the phones and whether they were truly aligned; spread over the energy where alignment fails."""
    try:
        return align(pcm, text), True
    except AlignmentError:
        return spread_over_energy(pcm, text), False


def _sounding(pcm: Float32[np.ndarray, "samples"]) -> Bool[np.ndarray, "hops"]:
    """Mark the 20 ms hops with sound; pauses under 200 ms do not count."""
    hop = int(_HOP_S * SPEECH_RATE_HZ)
    hops = np.resize(pcm, (max(1, -(-len(pcm) // hop)), hop)) if len(pcm) else np.zeros((1, hop), np.float32)
    level_db = 10.0 * np.log10(np.mean(hops.astype(np.float64) ** 2, axis=1) + 1e-10)
    sounding = level_db > np.percentile(level_db, 95) - _FLOOR_DB
    return _close_gaps(sounding, int(_MIN_PAUSE_S / _HOP_S))


def _close_gaps(sounding: Bool[np.ndarray, "hops"], longest: int) -> Bool[np.ndarray, "hops"]:
    closed, marked = sounding.copy(), np.flatnonzero(sounding)
    for before, after in pairwise(marked):
        if after - before <= longest:
            closed[before:after] = True
    return closed


def _stretches(pcm: Float32[np.ndarray, "samples"]) -> list[tuple[float, float]]:
    """Return start and end in seconds of each sounding stretch; the whole where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], _sounding(pcm), [False]]).astype(int)))
    pairs = [(float(a) * _HOP_S, float(b) * _HOP_S) for a, b in edges.reshape(-1, 2)]
    return pairs or [(0.0, len(pcm) / SPEECH_RATE_HZ)]


def _lay(
    spoken: list[tuple[str, int]], stretches: list[tuple[float, float]], duration_s: float
) -> tuple[Phone, ...]:
    """Lay phones, weighted by kind, one after the other over the stretches, `SIL` between."""
    weights = np.array([_VOWEL_WEIGHT if is_vowel(symbol) else 1.0 for symbol, _ in spoken])
    ends = np.cumsum(weights) / weights.sum() * sum(b - a for a, b in stretches)
    phones: list[Phone] = []
    cursor, used_s = 0, 0.0
    for start_s, end_s in stretches:
        gap_from = phones[-1].end_s if phones else 0.0
        if start_s > gap_from:
            phones.append(Phone("SIL", gap_from, start_s))
        at_s = start_s
        last = end_s == stretches[-1][1]
        while cursor < len(spoken) and (last or ends[cursor] <= used_s + (end_s - start_s) + 1e-9):
            until_s = min(start_s + float(ends[cursor]) - used_s, end_s)
            phones.append(Phone(spoken[cursor][0], at_s, until_s, spoken[cursor][1]))
            at_s, cursor = until_s, cursor + 1
        if phones and phones[-1].symbol != "SIL" and at_s > start_s:
            phones[-1] = Phone(phones[-1].symbol, phones[-1].start_s, end_s, phones[-1].stress)
        used_s += end_s - start_s
    if duration_s > phones[-1].end_s:
        phones.append(Phone("SIL", phones[-1].end_s, duration_s))
    return tuple(phones)
