"""`SoundRelay`: a voice handed on as it came, for an end that draws and plays for itself."""

from collections.abc import Callable

import numpy as np
import soxr
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ
from streaming.clock import OPUS_SAMPLES

Send = Callable[[Int16[np.ndarray, "samples"], int], None]


class SoundRelay:
    """Cuts sound into whole pieces of 20 ms and keeps its times; what was lost stays a gap in them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._rest = np.zeros(0, np.int16)
        self._next = 0
        """Time of the first sample of `_rest`, at `MEDIA_RATE_HZ`."""
        self._due_s = 0.0

    def push(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Take sound that begins at `at_s`, and send what is whole."""
        if self._resampler is None or rate_hz != self._rate_hz or abs(at_s - self._due_s) > 0.005:
            self._resampler = soxr.ResampleStream(rate_hz, MEDIA_RATE_HZ, 1, "int16", quality="QQ")
            self._rate_hz, self._rest, self._next = rate_hz, self._rest[:0], round(at_s * MEDIA_RATE_HZ)
        self._due_s = at_s + len(pcm) / rate_hz
        self._rest = np.concatenate([self._rest, self._resampler.resample_chunk(pcm)])
        whole = len(self._rest) // OPUS_SAMPLES * OPUS_SAMPLES
        if whole:
            self._send(self._rest[:whole], self._next)
            self._rest, self._next = self._rest[whole:], self._next + whole
