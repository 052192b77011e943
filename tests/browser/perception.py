"""What a person would notice: words, when sound begins and ends, and whether the lips belong to it.

Times are milliseconds of the page's clock.
"""

import asyncio
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from agent.asr import AsrConfig, WhisperAsr
from benchmarks.lips import AROUND_S, Opening, expected_opening
from models.motion.stage import SPEECH_RATE_HZ

STEP_MS = 10
LOUD = 0.01
"""Root mean square from which 10 ms are heard; speech has around 0.1, the silence of a call none at all."""


@dataclass(frozen=True)
class Sound:
    """Received sound in 10 ms steps."""

    begin_ms: float
    rate_hz: int
    pcm: np.ndarray

    @property
    def end_ms(self) -> float:
        """When the last sample had come in."""
        return self.begin_ms + 1000 * len(self.pcm) / self.rate_hz

    @property
    def loud(self) -> np.ndarray:
        """For each step whether something is heard."""
        steps = self.pcm[: len(self.pcm) // self._step * self._step].reshape(-1, self._step)
        return np.sqrt(np.mean(steps**2, axis=1)) > LOUD

    def between(self, begin_ms: float, end_ms: float) -> np.ndarray:
        """Return the samples of a stretch of time."""
        first, last = (max(0, round((ms - self.begin_ms) * self.rate_hz / 1000)) for ms in (begin_ms, end_ms))
        return self.pcm[first:last]

    def onset_ms(self, begin_ms: float, end_ms: float) -> float:
        """Return when sound is first heard in a stretch of time."""
        loud = np.flatnonzero(self.loud)
        ms = self.begin_ms + STEP_MS * loud
        return float(ms[(ms >= begin_ms) & (ms < end_ms)][0])

    def silent_from_ms(self, after_ms: float, for_ms: float) -> float:
        """Return when silence of at least `for_ms` begins, not before `after_ms`."""
        loud = self.loud
        count = round(for_ms / STEP_MS)
        first = max(0, round((after_ms - self.begin_ms) / STEP_MS))
        starts = (at for at in range(first, len(loud) - count) if not loud[at : at + count].any())
        return self.begin_ms + STEP_MS * next(starts)

    @property
    def _step(self) -> int:
        return self.rate_hz * STEP_MS // 1000


def transcribe(stretches: Sequence[np.ndarray], rate_hz: int) -> list[str]:
    """Write down what is said in each stretch of sound, with faster-whisper."""

    async def write_down() -> list[str]:
        asr = WhisperAsr(AsrConfig())
        try:
            resampled = [soxr.resample(pcm, rate_hz, SPEECH_RATE_HZ) for pcm in stretches]
            return [(await asr.transcribe(pcm)).text for pcm in resampled]
        finally:
            await asr.aclose()

    return asyncio.run(write_down())


def likeness(one: str, other: str) -> float:
    """Return the share of words that two texts have in common, in order: 1 when they say the same."""
    words = [re.sub(r"[^a-z0-9' ]+", " ", text.lower()).split() for text in (one, other)]
    return difflib.SequenceMatcher(None, *words, autojunk=False).ratio()


def stir(patches: np.ndarray) -> np.ndarray:
    """Return how much each picture of [frames, height, width] differs from the one before; the first by 0."""
    grey = patches.astype(np.float32)
    return np.concatenate([[0.0], np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))])


def opening_in(text: str, sound: Sound, begin_ms: float, end_ms: float) -> Opening:
    """Return how far lips ought to be open that say `text` in this stretch of sound."""
    loud = sound.begin_ms + STEP_MS * np.flatnonzero(sound.loud)
    loud = loud[(loud >= begin_ms) & (loud < end_ms)]
    first_ms, last_ms = loud[0] - 1000 * AROUND_S, loud[-1] + 1000 * AROUND_S
    pcm = soxr.resample(sound.between(first_ms, last_ms), sound.rate_hz, SPEECH_RATE_HZ)
    return expected_opening(pcm.astype(np.float32), text, first_ms / 1000)
