"""Kokoro-82M's English voices as a source of the corpus: https://huggingface.co/hexgrad/Kokoro-82M.

Its files are put together by `training.corpus.kokoro_setup`. The text goes through the espeak of piper-tts
(GPL-3.0-or-later, `pip install 'visavis[voice]'`), imported only here. Espeak tells what is said, forced
alignment when it sounds.
"""

import json
import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import SPEECH_RATE_HZ
from models.speech.align import Aligner, AlignmentError
from training.corpus.alignment import is_plausible, retimed
from training.corpus.kokoro_phones import Piece, phones_from_kokoro, pieces_of
from training.corpus.kokoro_setup import DURATIONS
from training.corpus.sentences import sentences
from training.corpus.sound import finish, to_speech_rate
from training.corpus.utterance import Utterance

_log = logging.getLogger(__name__)

_RATE_HZ: Final = 24_000
_SAMPLES_PER_FRAME: Final = 600
"""Samples that one step of the duration predictor stands for."""
_MOST_SYMBOLS: Final = 500
_SPEEDS: Final = (0.85, 1.2)


class KokoroSource:
    """`count` sentences, dealt out to the voices in turn, so that any beginning of them is balanced."""

    name = "kokoro"

    def __init__(self, folder: Path, seed: int, count: int) -> None:
        """Load the model (2 s) from a folder that `kokoro_setup` made. Raises `FileNotFoundError`."""
        from piper.phonemize_espeak import EspeakPhonemizer

        self._seed = seed
        self._texts = sentences(seed, count)
        self._voices = sorted((folder / "voices").glob("[ab][fm]_*.bin"))
        if not self._voices:
            raise FileNotFoundError(f"no voices in {folder}; see training.corpus.kokoro_setup")
        self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text("utf-8"))["vocab"]
        self._session = _load(folder / "kokoro.onnx")
        self._espeak = EspeakPhonemizer()
        self._aligner = Aligner()

    def __len__(self) -> int:
        return len(self._texts)

    def make(self, number: int) -> Utterance | None:
        """Let the voice whose turn it is speak sentence `number`; None where its times stay unclear."""
        voice, text = self._voices[number % len(self._voices)], self._texts[number]
        pieces = self._read(text, british=voice.name.startswith("b"))
        symbols = "".join(piece.symbols for piece in pieces)
        if not 0 < len(symbols) <= _MOST_SYMBOLS:
            return None
        speed = np.random.default_rng((self._seed, number)).uniform(*_SPEEDS)
        style = np.fromfile(voice, np.float32).reshape(-1, 256)[len(symbols) - 1]
        pcm, durations = self._speak(symbols, style, float(speed))
        at_16_khz = to_speech_rate(pcm, _RATE_HZ)
        rough = phones_from_kokoro(pieces, durations, _RATE_HZ)
        try:
            heard = self._aligner.align(at_16_khz, text)
        except AlignmentError as error:
            _log.info("%s left out: %s", text, error)
            return None
        if not is_plausible(at_16_khz, heard):
            return None
        return finish(f"kokoro-{voice.stem}", text, at_16_khz, SPEECH_RATE_HZ, retimed(rough, heard))

    def _read(self, text: str, british: bool) -> list[Piece]:
        """Return what espeak reads, without the symbols that Kokoro does not know."""
        spoken = self._espeak.phonemize("en-gb-x-rp" if british else "en-us", text)
        pieces = pieces_of(" ".join("".join(sentence) for sentence in spoken), british)
        return [piece for piece in pieces if all(symbol in self._vocabulary for symbol in piece.symbols)]

    def _speak(
        self, symbols: str, style: Float32[np.ndarray, "256"], speed: float
    ) -> tuple[Float32[np.ndarray, "samples"], list[int]]:
        """Return 24 kHz sound and the samples of each symbol, with the silence at both ends."""
        tokens = [0, *(self._vocabulary[symbol] for symbol in symbols), 0]
        given = {
            "tokens": np.array([tokens], np.int64),
            "style": style[None],
            "speed": np.array([speed], np.float32),
        }
        pcm, frames = self._session.run(["audio", DURATIONS], given)
        durations = [int(count) * _SAMPLES_PER_FRAME for count in frames.reshape(-1)]
        if sum(durations) != pcm.size:
            raise ValueError(f"Kokoro's durations give {sum(durations)} samples for {pcm.size}")
        return pcm.reshape(-1), durations


def _load(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
