"""Piper (https://github.com/OHF-Voice/piper1-gpl) as a `Voice`, with its own phoneme timing.

piper-tts is GPL-3.0-or-later and an extra: nothing of it is imported before a `PiperVoice` is made.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agent.voice import SpokenPiece, VoiceError, VoiceMissingError, Word, spread_words
from engine.workers import SMALL_STEP, worker_pool
from models.assets import ASSETS, asset_path
from models.speech.piper_phones import Span, phones_from_piper


class PiperConfig(BaseModel):
    """Which voice, and how it speaks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "piper_joe"
    """Bundled voice's name, or path of a Piper .onnx file with its .onnx.json beside it."""
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    """Factor on the speaking rate."""
    speaker: int | None = Field(default=None, ge=0)
    """Number of the speaker, for voices with several."""
    threads: int = Field(default=2, ge=1)
    """CPU threads at work while a piece is made."""


class PiperVoice:
    """One Piper voice in one thread of its own; the visits' sentences queue there."""

    def __init__(self, config: PiperConfig) -> None:
        """Load the voice (1–3 s). Raises `VoiceMissingError`, `VoiceError`."""
        self._executor = worker_pool(1, "voice", SMALL_STEP)
        self._voice, self._settings = self._executor.submit(_load, config).result()

    async def speak(self, text: str) -> AsyncGenerator[SpokenPiece, None]:
        """Yield one piece for each of espeak's sentences; see `Voice`."""
        loop = asyncio.get_running_loop()
        pieces = self._pieces(text)
        while (piece := await loop.run_in_executor(self._executor, next, pieces, None)) is not None:
            yield piece

    async def aclose(self) -> None:
        """End the thread after the piece at hand."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _pieces(self, text: str) -> Iterator[SpokenPiece]:
        try:
            shares = _share_words(text.split(), [_count_groups(s) for s in self._voice.phonemize(text)])
            chunks = self._voice.synthesize(text, self._settings, include_alignments=True)
            for chunk, words in zip(chunks, shares, strict=False):
                yield _piece(chunk, words)
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise VoiceError(f"the voice failed at {text!r}: {error}") from error


def _piece(chunk: Any, words: Sequence[str]) -> SpokenPiece:
    spans: Sequence[Span] | None = chunk.phoneme_alignments
    if spans is None:
        raise VoiceError("this Piper voice gives no phoneme timing; take one exported with a Ceil node")
    pcm, rate_hz = chunk.audio_int16_array, chunk.sample_rate
    return SpokenPiece(pcm, rate_hz, phones_from_piper(spans, rate_hz), _time_words(words, spans, rate_hz))


def _time_words(words: Sequence[str], spans: Sequence[Span], rate_hz: int) -> tuple[Word, ...]:
    """Lay words on espeak's groups; where it read more or fewer ("25", "of the"), share the time out."""
    groups: list[tuple[float, float]] = []
    inside, at_s = False, 0.0
    for span in spans:
        end_s = at_s + int(span.num_samples) / rate_hz
        if span.phoneme == " ":
            inside = False
        elif span.phoneme.isalpha():
            start_s = groups.pop()[0] if inside else at_s
            groups.append((start_s, end_s))
            inside = True
        at_s = end_s
    if len(groups) != len(words):
        return spread_words(words, at_s)
    return tuple(Word(word, *group) for word, group in zip(words, groups, strict=True))


def _count_groups(phonemes: Sequence[str]) -> int:
    return sum(any(map(str.isalpha, group)) for group in "".join(phonemes).split(" "))


def _share_words(words: Sequence[str], groups: Sequence[int]) -> list[Sequence[str]]:
    """Deal words out to espeak's sentences by how much each reads."""
    shares: list[Sequence[str]] = []
    total, taken, read = sum(groups), 0, 0
    for count in groups:
        read += count
        until = round(len(words) * read / total) if total else len(words)
        shares.append(words[taken:until])
        taken = until
    return shares


def _load(config: PiperConfig) -> tuple[Any, Any]:
    """Return Piper's voice, patched to tell phoneme timing, and its settings."""
    try:
        import onnx
        import onnxruntime
        import piper
        from piper.config import PiperConfig as VoiceFile
        from piper.config import SynthesisConfig
        from piper.patch_voice_with_alignment import add_alignment_output
    except ImportError as error:
        raise VoiceMissingError(
            f"the voice needs {error.name}: pip install 'visavis[voice]' (piper-tts is GPL-3.0-or-later)"
        ) from error
    path = asset_path(config.model) if config.model in ASSETS else Path(config.model)
    described = path.with_name(path.name + ".json")
    if not (path.is_file() and described.is_file()):
        raise VoiceMissingError(f"no Piper voice at {path} (an .onnx file and its .onnx.json are needed)")
    graph = onnx.load(str(path))
    if len(graph.graph.output) == 1:
        add_alignment_output(graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = config.threads
    # Threads that spin while they wait would take the cores that draw the picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    file = VoiceFile.from_dict(json.loads(described.read_text(encoding="utf-8")))
    settings = SynthesisConfig(speaker_id=config.speaker, length_scale=file.length_scale / config.speed)
    return piper.PiperVoice(session=session, config=file), settings
