"""Recordings of real people as a source of the corpus, aligned with what they say.

Read are the folders of one directory — those with an LJSpeech `metadata.csv` with its text, others through
the recogniser — and two Debian packages where they are installed: the prompts of
`asterisk-core-sounds-en-g722` and the LibriVox clips of `pocketsphinx-testdata`.
"""

import gzip
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.assets import asset_path
from models.motion.stage import SPEECH_RATE_HZ
from models.speech.align import Aligner, AlignmentError
from training.corpus.alignment import is_plausible
from training.corpus.sound import finish
from training.corpus.utterance import Utterance

_log = logging.getLogger(__name__)

ASTERISK: Final = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
"""One studio voice at 16 kHz; https://packages.debian.org/asterisk-core-sounds-en-g722, CC BY-SA 3.0."""
ASTERISK_TEXT: Final = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
LIBRIVOX: Final = Path("/usr/share/pocketsphinx/test/data/librivox")
"""Five clips with a file `transcription`; https://packages.debian.org/pocketsphinx-testdata."""

_ENDINGS: Final = frozenset({".flac", ".wav"})


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of one speaker; `text` is None where nobody wrote down what is said."""

    path: Path
    voice: str
    text: str | None


class RecordingsSource:
    """All recordings of a folder and of the two packages, in order: one more shifts the numbers after it."""

    name = "recordings"

    def __init__(self, folder: Path) -> None:
        """Load the aligner (0.3 s). Raises `models.assets.AssetError`."""
        self._recordings = [*found_in(folder), *asterisk(ASTERISK, ASTERISK_TEXT), *librivox(LIBRIVOX)]
        self._transcriber = Transcriber()

    def __len__(self) -> int:
        return len(self._recordings)

    def make(self, number: int) -> Utterance | None:
        """Align one recording; None where text and sound do not fit."""
        return self._transcriber.transcribe(self._recordings[number])


class Transcriber:
    """Lays what is said in recordings on their sound; what nobody wrote down is recognised."""

    def __init__(self) -> None:
        """Load the aligner (0.3 s). Raises `models.assets.AssetError`."""
        self._aligner = Aligner()

    @cached_property
    def _recognise(self) -> "_Recogniser":
        return _Recogniser()

    def transcribe(self, recording: Recording) -> Utterance | None:
        """Align one recording; None where text and sound do not fit."""
        pcm = read_sound(recording.path)
        text = self._recognise(pcm) if recording.text is None else recording.text
        try:
            phones = self._aligner.align(pcm, text)
        except AlignmentError as error:
            _log.info("%s left out: %s", recording.path.name, error)
            return None
        return (
            finish(recording.voice, text, pcm, SPEECH_RATE_HZ, phones) if is_plausible(pcm, phones) else None
        )


def found_in(folder: Path) -> Iterator[Recording]:
    """Yield the recordings of a folder and its folders; names such as `1089-…` begin with the speaker."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _ENDINGS):
        inside = path.relative_to(folder).parts[:-1]
        table = path.parent / "metadata.csv"
        if table.is_file():
            yield Recording(path, inside[0] if inside else folder.name, _lj_text(table, path.stem))
        else:
            yield Recording(path, "-".join([*inside[:1], path.stem.partition("-")[0]]), None)


def _lj_text(table: Path, name: str) -> str | None:
    """Return the normalised text of one clip: https://keithito.com/LJ-Speech-Dataset/."""
    rows = (line.split("|") for line in table.read_text("utf-8").splitlines())
    return next((row[-1] for row in rows if row[0] == name), None)


def asterisk(folder: Path, table: Path) -> Iterator[Recording]:
    """Yield the prompts whose text is known and is speech (tones are described in brackets)."""
    if not (folder.is_dir() and table.is_file()):
        return
    with gzip.open(table, "rt", encoding="utf-8", errors="ignore") as lines:
        for name, _, text in (line.strip().partition(": ") for line in lines):
            path = folder / f"{name}.g722"
            if path.is_file() and re.search("[a-zA-Z]", text) and "[" not in text:
                yield Recording(path, "asterisk-allison", text)


def librivox(folder: Path) -> Iterator[Recording]:
    """Yield the clips of `pocketsphinx-testdata`; they are of one book, and of one reader."""
    table = folder / "transcription"
    lines = table.read_text("utf-8").splitlines() if table.is_file() else []
    for line in lines:
        if match := re.fullmatch(r"(?:<s> )?(.*?)(?: </s>)? \((.+)\)", line):
            yield Recording(folder / f"{match[2]}.wav", "librivox-reader", match[1])


def read_sound(path: Path) -> Float32[np.ndarray, "samples"]:
    """Read any sound file as 16 kHz mono in -1..1; `.g722` has no header and names its own format."""
    import av

    form = path.suffix[1:] if path.suffix == ".g722" else None
    resampler = av.AudioResampler("flt", "mono", SPEECH_RATE_HZ)
    with av.open(str(path), format=form) as file:
        frames = [piece for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


class _Recogniser:
    """Whisper tiny.en on one thread, writing numbers as words."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        folder = str(asset_path("whisper_tiny_en"))
        self._model: Any = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
        vocabulary = self._model.hf_tokenizer.get_vocab()
        self._figures = [-1, *(number for token, number in vocabulary.items() if re.search(r"\d", token))]

    def __call__(self, pcm: Float32[np.ndarray, "samples"]) -> str:
        """Return what is said."""
        segments, _ = self._model.transcribe(pcm, language="en", beam_size=1, suppress_tokens=self._figures)
        return " ".join(segment.text.strip() for segment in segments)
