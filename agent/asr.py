"""Sound → words: the seam, faster-whisper behind it, and its fake.

Errors: `AsrError` (RuntimeError): recognition itself failed. Silence is no error, it is the empty text.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.workers import SMALL_STEP, worker_pool
from models.assets import ASSETS, asset_path
from models.motion.stage import SPEECH_RATE_HZ

_log = logging.getLogger(__name__)

_MIN_S: Final = 0.2
"""Whisper invents words for sound shorter than this."""
_SHORT_S: Final = 16.0
"""Longer utterances than this are read in Whisper's own window of 30 s."""
_WINDOW_MIN_S: Final = 10.0
_WINDOW_MARGIN_S: Final = 4.0
_TOKENS_PER_S: Final = 8.0
"""Nobody speaks faster; more tokens mean that Whisper repeats itself."""
_NON_SPEECH: Final = re.compile(r"^[\[(♪*].*[\])♪*]$")
"""Whisper's notes on what is not speech, e.g. `[BLANK_AUDIO]`."""


class AsrError(RuntimeError):
    """Recognition failed; the message says why."""


class AsrConfig(BaseModel):
    """Which recogniser, and how sure it must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "whisper_tiny_en"
    """Bundled model's name, a folder with a CTranslate2 model, or a size that faster-whisper can fetch."""
    language: str | None = Field(default="en", pattern=r"^[a-z]{2,3}$")
    """ISO 639 code, such as en; null detects it."""
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

    @model_validator(mode="after")
    def _understood(self) -> "AsrConfig":
        if self.language not in ("en", None) and self.model.endswith(("_en", ".en")):
            raise ValueError(
                f"{self.model} understands English alone, and language is {self.language}; "
                "take a model of many languages: tiny, base, small, medium, or a folder"
            )
        return self


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
        self._executor = worker_pool(1, "asr", SMALL_STEP)
        self._model = self._executor.submit(_load, config).result()
        self._tokenizer = _tokenizer(self._model, config.language)

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
            text = self._read_short(pcm)
            if text is not None:
                return Transcript(text, self._config.language or "")
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

    def _read_short(self, pcm: Float32[np.ndarray, "samples"]) -> str | None:
        """Read a short utterance in a short window, or return None where the whole window is wanted.

        Whisper was trained on windows of 30 s, and most of its work goes into their padding. A window a few
        seconds longer than the words takes a quarter of the work; where it fails, it repeats itself.
        """
        length_s = len(pcm) / SPEECH_RATE_HZ
        if self._tokenizer is None or length_s > _SHORT_S:
            return None
        window = round(max(_WINDOW_MIN_S, length_s + _WINDOW_MARGIN_S) * SPEECH_RATE_HZ)
        model, tokenizer = self._model, self._tokenizer
        features = model.feature_extractor(np.pad(pcm, (0, window - len(pcm))), padding=0)
        prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
        most = round(_TOKENS_PER_S * length_s) + 10
        (result,) = model.model.generate(
            model.encode(features),
            [prompt],
            beam_size=self._config.beam_size,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        if len(tokens) >= most - 1:
            return None
        return self._trust(tokenizer.decode(tokens), result.scores[0], result.no_speech_prob)

    def _believed(self, segments: Sequence[Any]) -> str:
        """Join the passages that are speech."""
        texts = (self._trust(s.text, s.avg_logprob, s.no_speech_prob) for s in segments)
        return " ".join(text for text in texts if text)

    def _trust(self, text: str, logprob: float, no_speech: float) -> str:
        """Return the text when it was spoken, else nothing; Whisper hears "Thank you." in silence."""
        text = text.strip()
        unlikely, doubtful = logprob < self._config.min_logprob, no_speech > self._config.max_no_speech
        if (doubtful and unlikely) or _NON_SPEECH.match(text):
            _log.debug("dropped a passage as not spoken", extra={"logprob": logprob})
            return ""
        return text


def _tokenizer(model: Any, language: str | None) -> Any:
    """Return the tokenizer of a fixed language, or None when the language has to be detected.

    Raises `AsrError` for a language that Whisper does not know.
    """
    from faster_whisper.tokenizer import Tokenizer

    if language is None:
        return None
    many = model.model.is_multilingual
    try:
        return Tokenizer(model.hf_tokenizer, many, task="transcribe", language=language)
    except ValueError as error:
        raise AsrError(f"asr.language: {error}") from error


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
