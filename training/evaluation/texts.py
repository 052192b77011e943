"""What is said in a clip: by its name, by a file beside it, or by recognition."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from models.assets import asset_path
from models.motion.stage import Phone
from models.speech.align import AlignmentError, align
from training.evaluation.grid import sentence_of


def text_of(path: Path, pcm: Float32[np.ndarray, "samples"]) -> str:
    """Return the words of a clip; empty where none are known or heard.

    Args:
        path: Of the clip. `NAME.txt` or `NAME.lab` beside it is its text; else a GRID name encodes it.
        pcm: Its sound, 16 kHz, for the recogniser where neither is there.
    """
    for suffix in (".txt", ".lab"):
        beside = path.with_suffix(suffix)
        if beside.is_file():
            return " ".join(beside.read_text(encoding="utf-8").split())
    try:
        return sentence_of(path.stem)
    except ValueError:
        return _recognise(pcm)


def phones_of(pcm: Float32[np.ndarray, "samples"], text: str) -> tuple[Phone, ...] | None:
    """Return when each phone sounds; None where the text cannot be laid on the sound."""
    try:
        return align(pcm, text) if text else None
    except AlignmentError:
        return None


def _recognise(pcm: Float32[np.ndarray, "samples"]) -> str:
    segments, _ = _recogniser().transcribe(pcm, language="en", beam_size=5)
    return " ".join(segment.text.strip() for segment in segments)


@lru_cache(maxsize=1)
def _recogniser() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(asset_path("whisper_tiny_en")), device="cpu", compute_type="int8", cpu_threads=1)
