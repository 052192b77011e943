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


def lips_onset_ms(stirring: np.ndarray, frame_ms: np.ndarray, sound_ms: float) -> float:
    """Return when the mouth begins to move, from 150 ms before the moment at which sound begins.

    It moves when it stirs six times as much as at rest. NaN where it never does, and where there were less
    than ten pictures a second. Nods may come before; lips that come much too early are noticed by `lag_ms`.
    """
    near = (frame_ms > sound_ms - 150) & (frame_ms < sound_ms + 1000)
    moving = frame_ms[near & (stirring > 6 * np.percentile(stirring, 25))]
    return float(moving[0]) if near.sum() > 11 and len(moving) else float("nan")


def lag_ms(stirring: np.ndarray, frame_ms: np.ndarray, sound: Sound) -> float:
    """Return by how much the mouth's stirring follows the presence of sound, where the two agree best."""
    loud = np.convolve(sound.loud, np.ones(5) / 5, "same")
    step_ms = sound.begin_ms + STEP_MS * np.arange(len(loud))

    def agreement(lag: float) -> float:
        return float(np.corrcoef(loud, np.interp(step_ms + lag, frame_ms, np.log1p(stirring)))[0, 1])

    return max(np.arange(-500.0, 501.0, 20.0), key=agreement)
