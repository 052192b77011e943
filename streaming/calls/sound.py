"""`PlacedSound`: sound laid where its timestamps say, for a few seconds; what is missing is bridged."""

from typing import Final

import numpy as np
import soxr
from jaxtyping import Int16

from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME

RING: Final = 4 * MEDIA_RATE_HZ
"""Samples that are kept: far more than any delay."""
BRIDGED: Final = 60 * MEDIA_RATE_HZ // 1000
"""Samples of a gap that are filled with what was heard before it, fading; after that there is silence."""
SEAM_S: Final = 0.005
"""Timestamps that differ less from where the sound before ended are rounding: it runs on."""


class PlacedSound:
    """A ring of samples at `MEDIA_RATE_HZ`, by their time in seconds. What was taken stays for a while."""

    def __init__(self) -> None:
        self._ring = np.zeros(RING, np.int16)
        self._known = np.zeros(RING, np.bool_)
        self._resampler: soxr.ResampleStream | None = None
        self._rate_hz = 0
        self._next = 0
        """Sample after the last that was put."""
        self._taken = -RING
        """Sample after the last that was taken."""
        self._missing = 0
        """Samples missing in a row."""
        self.lost_ms = 0.0
        """Sound that was due and not there, while the voice arrived."""
        self.late_ms = 0.0
        """Sound that came after it was due."""

    def put(self, pcm: Int16[np.ndarray, "samples"], rate_hz: int, at_s: float) -> None:
        """Lay sound down; what should have been played already is counted and let go.

        Raises:
            ValueError: when the rate is not positive.
        """
        if rate_hz <= 0:
            raise ValueError(f"a sample rate must be positive, not {rate_hz} Hz")
        start = round(at_s * MEDIA_RATE_HZ)
        runs_on = rate_hz == self._rate_hz and abs(start - self._next) < SEAM_S * MEDIA_RATE_HZ
        if self._resampler is None or not runs_on:
            self._resampler = soxr.ResampleStream(rate_hz, MEDIA_RATE_HZ, 1, "int16", quality="QQ")
            self._rate_hz, self._next = rate_hz, start
        made = np.asarray(self._resampler.resample_chunk(pcm), np.int16)
        self._lay(made, self._next)
        self._next += len(made)

    def take(self, at_s: float, *, bridges: bool) -> Int16[np.ndarray, "960"]:
        """Return a frame from `at_s` on. A gap is bridged when the voice is still there, else silent."""
        start = round(at_s * MEDIA_RATE_HZ)
        places = np.arange(start, start + MEDIA_SAMPLES_PER_FRAME) % RING
        pcm, known = self._ring[places].copy(), self._known[places]
        if not known.all():
            pcm = self._bridged(pcm, known) if bridges else np.where(known, pcm, 0).astype(np.int16)
            self._ring[places] = pcm
        else:
            self._missing = 0
        self._taken = start + MEDIA_SAMPLES_PER_FRAME
        # What lies a ring away must not be taken for the future.
        self._known[np.arange(self._taken - RING // 2, self._taken - RING // 4) % RING] = False
        return pcm

    @property
    def missing_s(self) -> float:
        """For how long nothing has been there that was due."""
        return self._missing / MEDIA_RATE_HZ

    def peek(self, at_s: float, count: int) -> Int16[np.ndarray, "count"]:
        """Return samples as they are, zeros where nothing is known."""
        start = round(at_s * MEDIA_RATE_HZ)
        places = np.arange(start, start + count) % RING
        return np.where(self._known[places], self._ring[places], 0).astype(np.int16)

    def known_after(self, at_s: float, most: int) -> Int16[np.ndarray, "known"]:
        """Return the samples from `at_s` on that have come without a gap."""
        start = round(at_s * MEDIA_RATE_HZ)
        places = np.arange(start, start + most) % RING
        known = self._known[places]
        count = most if known.all() else int(np.argmin(known))
        return self._ring[places[:count]]

    def rms(self, at_s: float) -> float:
        """Return how loud the frame at `at_s` is; what is not there is silent."""
        pcm = self.peek(at_s, MEDIA_SAMPLES_PER_FRAME).astype(np.float32)
        return float(np.sqrt(np.mean(pcm**2)))

    def _lay(self, pcm: Int16[np.ndarray, "samples"], start: int) -> None:
        late = min(max(self._taken - start, 0), len(pcm))
        self.late_ms += 1000.0 * late / MEDIA_RATE_HZ
        pcm, start = pcm[late:][-RING // 4 :], start + late
        places = np.arange(start, start + len(pcm)) % RING
        self._ring[places] = pcm
        self._known[places] = True

    def _bridged(self, pcm: Int16[np.ndarray, "960"], known: np.ndarray) -> Int16[np.ndarray, "960"]:
        """Repeat, ever softer, what was heard a frame before; after `BRIDGED` samples fall silent."""
        self.lost_ms += 1000.0 * float((~known).sum()) / MEDIA_RATE_HZ
        before = self._ring[np.arange(self._taken - len(pcm), self._taken) % RING].astype(np.float32)
        run = np.zeros(len(pcm), np.int64)
        for i, there in enumerate(known):
            self._missing = 0 if there else self._missing + 1
            run[i] = self._missing
        softer = np.clip(1.0 - run / BRIDGED, 0.0, 1.0)
        return np.where(known, pcm, before * softer).astype(np.int16)
