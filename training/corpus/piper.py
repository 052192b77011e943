"""Piper's voice joe: speech with its own phone times; as a source of the corpus, at varied pace.

piper-tts is GPL-3.0-or-later and an extra (`pip install 'visavis[voice]'`): nothing of it is imported before
the voice is opened.
"""

import json
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from models.assets import asset_path
from models.motion.stage import Phone
from models.speech.piper_phones import phones_from_piper
from training.corpus.sentences import sentences
from training.corpus.sound import finish
from training.corpus.utterance import Utterance

_PACES: Final = (0.8, 1.3)
"""Range of Piper's `length_scale`, a factor on the durations."""
_NOISES: Final = (0.4, 0.9)
"""Range of Piper's `noise_scale`, which varies the timbre; the voice's own is 0.667."""
_DURATION_NOISES: Final = (0.5, 1.0)
"""Range of Piper's `noise_w_scale`, which varies the durations; the voice's own is 0.8."""


class PiperSource:
    """`count` sentences, each at a pace of its own.

    Piper's own noise is seeded when the voice is opened, and goes on from sentence to sentence: only what is
    made in one go sounds the same again.
    """

    name = "piper"

    def __init__(self, seed: int, count: int) -> None:
        """Load the voice (1 to 3 s)."""
        self._seed = seed
        self._texts = sentences(seed, count)
        self._voice = open_voice(seed)

    def __len__(self) -> int:
        return len(self._texts)

    def make(self, number: int) -> Utterance | None:
        """Speak sentence `number`; None where nothing came out."""
        from piper.config import SynthesisConfig

        random = np.random.default_rng((self._seed, number))
        settings = SynthesisConfig(
            length_scale=random.uniform(*_PACES),
            noise_scale=random.uniform(*_NOISES),
            noise_w_scale=random.uniform(*_DURATION_NOISES),
        )
        return say(self._voice, self._texts[number], settings)


def can_speak() -> bool:
    """Tell whether Piper is installed."""
    return find_spec("piper") is not None and find_spec("onnx") is not None


def say(voice: Any, text: str, settings: Any = None) -> Utterance | None:
    """Speak a text; None where nothing came out.

    Args:
        voice: Of `open_voice`.
        text: What is said.
        settings: A `SynthesisConfig`; None speaks as the voice does by itself.
    """
    sound: list[np.ndarray] = []
    phones: list[Phone] = []
    for chunk in voice.synthesize(text, settings, include_alignments=True):
        start_s = phones[-1].end_s if phones else 0.0
        phones += phones_from_piper(chunk.phoneme_alignments, chunk.sample_rate, start_s)
        sound.append(chunk.audio_float_array)
    if not phones:
        return None
    return finish("piper-joe", text, np.concatenate(sound), chunk.sample_rate, phones)


def open_voice(seed: int | None = None) -> Any:
    """Return Piper's voice on one thread, patched to tell the durations of its phones.

    Args:
        seed: Of its noise, so that the same texts in the same order sound the same.
    """
    import onnx
    import onnxruntime
    import piper
    from piper.config import PiperConfig
    from piper.patch_voice_with_alignment import add_alignment_output

    path = asset_path("piper_joe")
    graph = onnx.load(str(path))
    add_alignment_output(graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if seed is not None:
        onnxruntime.set_seed(seed)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    described = path.with_name(path.name + ".json").read_text(encoding="utf-8")
    return piper.PiperVoice(session=session, config=PiperConfig.from_dict(json.loads(described)))
