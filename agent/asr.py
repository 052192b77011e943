"""Sound → words: the seam, faster-whisper behind it, and its fake.

Errors: `AsrError` (RuntimeError): recognition itself failed. Silence is no error, it is the empty text.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field

from models.assets import ASSETS, asset_path
from models.motion.stage import SPEECH_RATE_HZ

_log = logging.getLogger(__name__)

_MIN_S: Final = 0.2
"""Whisper invents words for sound shorter than this."""
_NON_SPEECH: Final = re.compile(r"^[\[(♪*].*[\])♪*]$")
"""Whisper's notes on what is not speech, e.g. `[BLANK_AUDIO]`."""


class AsrError(RuntimeError):
    """Recognition failed; the message says why."""


class AsrConfig(BaseModel):
    """Which recogniser, and how sure it must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "whisper_tiny_en"
    """Bundled model's name, a folder with a CTranslate2 model, or a size that faster-whisper can fetch."""
    language: str | None = "en"
    """ISO 639-1 code; null detects it."""
    compute_type: str = "int8"
    """CTranslate2's arithmetic: int8, int8_float16, float16, float32."""
    device: str = "cpu"
    threads: int = Field(default=2, ge=1)
    """CPU threads at work while somebody's words are recognised."""
    beam_size: int = Field(default=1, ge=1)
    """Hypotheses kept while decoding; 1 is fastest."""
    max_no_speech: float = Field(default=0.6, gt=0, le=1)
    """A passage more probably without speech than this is dropped when it is also unlikely."""
    min_logprob: float = Field(default=-1.0, le=0)
    """Mean log-probability of a token below which a passage is unlikely."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; `text` is empty when nothing was."""

    text: str
    language: str


class Asr(Protocol):
    """Recognises whole utterances."""

    async def transcribe(self, pcm: Float32[np.ndarray, "samples"]) -> Transcript:
        """Return the words in 16 kHz mono sound in -1..1. Raises `AsrError`."""
        ...

    async def aclose(self) -> None:
        """Finish what runs and free the model. Safe to call twice."""
        ...


class ScriptedAsr:
    """Fake `Asr`: hears the given texts one after another, silence as the empty text.

    Args:
        script: what is heard in turn (the last for ever); an `AsrError` is raised.
        delay_s: how long recognition takes.
    """

    def __init__(self, script: Iterable[str | AsrError] = ("Hello.",), delay_s: float = 0.2) -> None:
        self._script = list(script)
        self._delay_s = delay_s
        self._next = 0

    async def transcribe(self, pcm: Float32[np.ndarray, "samples"]) -> Transcript:
        """Return the next text of the script when the sound is no silence."""
        await asyncio.sleep(self._delay_s)
        if not pcm.size or float(np.abs(pcm).max()) < 1e-3:
            return Transcript("", "en")
        line = self._script[min(self._next, len(self._script) - 1)]
        self._next += 1
        if isinstance(line, AsrError):
            raise line
        return Transcript(line, "en")

    async def aclose(self) -> None:
        """Nothing to free."""


class NoAsr:
    """An `Asr` for a machine without a recogniser: every utterance fails with the same explanation."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def transcribe(self, pcm: Float32[np.ndarray, "samples"]) -> Transcript:
        """Raise `AsrError`."""
        raise AsrError(self._why)

    async def aclose(self) -> None:
        """Nothing to free."""


class WhisperAsr:
    """faster-whisper in a thread of its own: the utterances of all visits queue there, in order."""

    def __init__(self, config: AsrConfig) -> None:
        """Load the model (0.5 s for tiny). Raises `AsrError` when there is no such model."""
        self._config = config
        self._model = _load(config)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="asr")

    async def transcribe(self, pcm: Float32[np.ndarray, "samples"]) -> Transcript:
        """Return the words; see `Asr`."""
        if len(pcm) < _MIN_S * SPEECH_RATE_HZ:
            return Transcript("", self._config.language or "")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._recognise, pcm)

    async def aclose(self) -> None:
        """End the thread after the utterance at hand."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _recognise(self, pcm: Float32[np.ndarray, "samples"]) -> Transcript:
        try:
            segments, info = self._model.transcribe(
                pcm,
                language=self._config.language,
                beam_size=self._config.beam_size,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            return Transcript(self._believed(list(segments)), info.language)
        except (RuntimeError, ValueError) as error:
            raise AsrError(f"speech recognition failed: {error}") from error

    def _believed(self, segments: Sequence[Any]) -> str:
        """Join the passages that are speech; Whisper hears "Thank you." in silence."""
        texts = []
        for segment in segments:
            text = segment.text.strip()
            unlikely = segment.avg_logprob < self._config.min_logprob
            doubtful = segment.no_speech_prob > self._config.max_no_speech
            if (doubtful and unlikely) or _NON_SPEECH.match(text):
                _log.debug("dropped a passage as not spoken", extra={"logprob": segment.avg_logprob})
            else:
                texts.append(text)
        return " ".join(texts).strip()


def _load(config: AsrConfig) -> Any:
    from faster_whisper import WhisperModel, available_models

    if config.model in ASSETS:
        source = str(asset_path(config.model))
    elif Path(config.model).is_dir() or config.model in available_models() or "/" in config.model:
        source = config.model
    else:
        sizes = ", ".join(available_models())
        raise AsrError(f"no recogniser {config.model!r}; take whisper_tiny_en, a folder, or one of: {sizes}")
    try:
        return WhisperModel(
            source, device=config.device, compute_type=config.compute_type, cpu_threads=config.threads
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise AsrError(f"the recogniser {config.model!r} cannot be loaded: {error}") from error
