"""Judging and using forced alignments: `is_plausible`, and `retimed` for voices that know what they say.

A synthesiser knows which phones it says better than a dictionary does, but not always when: Kokoro counts in
steps of 25 ms and misplaces pauses by more than 0.3 s, while the aligner hears both within 20 ms.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from models.motion.stage import SPEECH_RATE_HZ, Phone

_SHORT_S: Final = 0.035
"""The aligner gives every phone 30 ms at least; where it was lost, most have just that."""
_SHORT_SHARE: Final = 0.25
_LONG_S: Final = 0.6
_UNHEARD_SHARE: Final = 0.1
_HOP: Final = SPEECH_RATE_HZ // 100
_LOUD_DB: Final = -10.0
"""Louder than this, to the median of the phones, is speech."""
_CLOSE_S: Final = 1e-6


def is_plausible(pcm: Float32[np.ndarray, "samples"], phones: Sequence[Phone]) -> bool:
    """Tell whether an alignment can be right: few very short sounds, none very long, no speech in pauses."""
    spans_s = [phone.end_s - phone.start_s for phone in _spoken(phones)]
    short = sum(span_s < _SHORT_S for span_s in spans_s)
    likely = bool(spans_s) and short <= _SHORT_SHARE * len(spans_s) and max(spans_s) <= _LONG_S
    return likely and _unheard_share(pcm, phones) <= _UNHEARD_SHARE


def _unheard_share(pcm: Float32[np.ndarray, "samples"], phones: Sequence[Phone]) -> float:
    """Return the share of what is as loud as speech, in steps of 10 ms, that lies in pauses."""
    steps = pcm[: len(pcm) // _HOP * _HOP].reshape(-1, _HOP)
    level_db = 10.0 * np.log10(np.mean(np.square(steps), axis=1) + 1e-9)
    middles_s = (np.arange(len(steps)) + 0.5) * _HOP / SPEECH_RATE_HZ
    at = np.searchsorted([phone.end_s for phone in phones[:-1]], middles_s)
    pauses = np.array([phone.symbol == "SIL" for phone in phones])[at]
    if pauses.all():
        return 1.0
    loud = level_db > np.median(level_db[~pauses]) + _LOUD_DB
    return float(np.mean(pauses[loud]))


def retimed(phones: Sequence[Phone], heard: Sequence[Phone]) -> tuple[Phone, ...]:
    """Keep the sounds and stresses of `phones`, and take times and pauses from `heard`.

    Both tile the same sound. Where they agree on a sound it begins when it was heard; those between, on which
    they differ, share the time in proportion. What has no time left goes.
    """
    said, found = _spoken(phones), _spoken(heard)
    known = np.array([(0.0, 0.0), *_anchors(said, found)]).T
    known = np.append(known, [[_clock(said)[-1]], [_clock(found)[-1]]], axis=1)
    borders = np.interp(_clock(said), *known)
    timed = [
        Phone(phone.symbol, _begin_s(found, begin), _end_s(found, end), phone.stress)
        for phone, begin, end in zip(said, borders, borders[1:], strict=False)
        if end - begin > _CLOSE_S
    ]
    return _with_pauses(timed, heard[-1].end_s)


def _spoken(phones: Sequence[Phone]) -> list[Phone]:
    return [phone for phone in phones if phone.symbol != "SIL"]


def _clock(phones: Sequence[Phone]) -> Float[np.ndarray, "borders"]:
    """Return the borders of phones, first to last, in seconds of speech: pauses do not count."""
    return np.concatenate([[0.0], np.cumsum([phone.end_s - phone.start_s for phone in phones])])


def _anchors(said: Sequence[Phone], found: Sequence[Phone]) -> list[tuple[float, float]]:
    """Return where on both clocks the same sound begins, in rising order."""
    match = SequenceMatcher(None, [p.symbol for p in said], [p.symbol for p in found], autojunk=False)
    said_at, found_at = _clock(said), _clock(found)
    return [
        (float(said_at[block.a + i]), float(found_at[block.b + i]))
        for block in match.get_matching_blocks()
        for i in range(block.size)
        if block.a + i
    ]


def _begin_s(found: Sequence[Phone], clock_s: float) -> float:
    """Return when a phone sounds that begins at `clock_s`: after the pause, where there is one."""
    clock = _clock(found)
    at = min(int(np.searchsorted(clock, clock_s + _CLOSE_S, "right")) - 1, len(found) - 1)
    return float(found[at].start_s + clock_s - clock[at])


def _end_s(found: Sequence[Phone], clock_s: float) -> float:
    """Return when a phone sounds that ends at `clock_s`: before the pause, where there is one."""
    clock = _clock(found)
    at = max(int(np.searchsorted(clock, clock_s - _CLOSE_S, "left")) - 1, 0)
    return float(found[at].start_s + clock_s - clock[at])


def _with_pauses(spoken: Sequence[Phone], duration_s: float) -> tuple[Phone, ...]:
    """Fill what is left between phones with `SIL`."""
    tiled: list[Phone] = []
    at_s = 0.0
    for phone in spoken:
        if phone.start_s - at_s > _CLOSE_S:
            tiled.append(Phone("SIL", at_s, phone.start_s))
        tiled.append(Phone(phone.symbol, tiled[-1].end_s if tiled else 0.0, phone.end_s, phone.stress))
        at_s = phone.end_s
    if duration_s - at_s > _CLOSE_S:
        tiled.append(Phone("SIL", at_s, duration_s))
    return tuple(tiled)
