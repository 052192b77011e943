"""How the Realtime API codes sound: plain samples, or the telephone's eight bits (ITU-T G.711)."""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from jaxtyping import Int16

CodingName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
_EXPONENTS, _STEPS = np.arange(8)[:, None], np.arange(16)[None]
"""A code is a sign, one of eight magnitudes, and one of sixteen steps in it."""


@dataclass(frozen=True, slots=True)
class Coding:
    """One way to write down mono sound."""

    name: CodingName
    rate_hz: int

    def decode(self, data: bytes) -> Int16[np.ndarray, "samples"]:
        """Return the samples. Raises `ValueError` for half a sample."""
        if self.name == "audio/pcm":
            return np.frombuffer(data, "<i2").astype(np.int16)
        return _levels(self.name)[np.frombuffer(data, np.uint8)]

    def encode(self, pcm: Int16[np.ndarray, "samples"]) -> bytes:
        """Return the sound as it is sent; of a telephone's codes the nearest."""
        if self.name == "audio/pcm":
            return pcm.astype("<i2").tobytes()
        values, codes = np.unique(_levels(self.name), return_index=True)
        between = (values[1:].astype(np.int32) + values[:-1]) / 2
        return codes[np.searchsorted(between, pcm)].astype(np.uint8).tobytes()


@cache
def _levels(name: CodingName) -> Int16[np.ndarray, "256"]:
    """Return the sample that each code of G.711 stands for: PCMU is the μ-law, PCMA the A-law."""
    if name == "audio/pcmu":
        heights = (((_STEPS << 3) + 0x84) << _EXPONENTS) - 0x84
        signed = np.concatenate([heights.ravel(), -heights.ravel()])
        return signed[np.arange(256) ^ 0xFF].astype(np.int16)
    first, more = _STEPS[0] * 16 + 8, (_STEPS * 16 + 0x108) << (_EXPONENTS[1:] - 1)
    heights = np.concatenate([first, more.ravel()])
    signed = np.concatenate([-heights, heights])
    return signed[np.arange(256) ^ 0x55].astype(np.int16)


CODINGS: Final = {
    "audio/pcm": Coding("audio/pcm", 24_000),
    "audio/pcmu": Coding("audio/pcmu", 8_000),
    "audio/pcma": Coding("audio/pcma", 8_000),
}
"""By name, each with the one rate the API has for it."""
