"""Sound of any rate → what an `Utterance` holds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Int16

from models.motion.stage import SPEECH_RATE_HZ, Phone
from training.corpus.utterance import Utterance


def finish(
    voice: str, text: str, pcm: Float32[np.ndarray, "samples"], rate_hz: int, phones: Sequence[Phone]
) -> Utterance:
    """Bring sound in -1..1 to 16 kHz, and let the last phone end where it ends."""
    at_16_khz = to_speech_rate(pcm, rate_hz)
    return Utterance(voice, text, to_int16(at_16_khz), tile(phones, len(at_16_khz) / SPEECH_RATE_HZ))


def to_speech_rate(pcm: Float32[np.ndarray, "samples"], rate_hz: int) -> Float32[np.ndarray, "samples16"]:
    """Resample to 16 kHz without delay."""
    import soxr

    return pcm if rate_hz == SPEECH_RATE_HZ else soxr.resample(pcm, rate_hz, SPEECH_RATE_HZ)


def to_int16(pcm: Float32[np.ndarray, "samples"]) -> Int16[np.ndarray, "samples"]:
    """Quantise -1..1."""
    return (np.clip(pcm, -1.0, 1.0) * 32767.0).round().astype(np.int16)


def to_float(pcm: Int16[np.ndarray, "samples"]) -> Float32[np.ndarray, "samples"]:
    """Undo `to_int16`."""
    return pcm.astype(np.float32) / 32767.0


def tile(phones: Sequence[Phone], duration_s: float) -> tuple[Phone, ...]:
    """Let each phone begin where the one before ends, and the last end with the sound; empty ones go."""
    ends = [min(phone.end_s, duration_s) for phone in phones[:-1]] + [duration_s]
    tiled: list[Phone] = []
    start_s = 0.0
    for phone, end_s in zip(phones, ends, strict=True):
        if end_s > start_s:
            tiled.append(replace(phone, start_s=start_s, end_s=end_s))
            start_s = end_s
    return tuple(tiled)
