"""Speech whose phones are known exactly: Piper says sentences that are full of p, b and m."""

import json
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from models.assets import asset_path
from models.motion.stage import SPEECH_RATE_HZ, Phone
from models.speech.piper_phones import phones_from_piper
from training.corpus.utterance import Utterance

SENTENCES: Final = (
    "My mother baked a big blueberry pie.",
    "Please bring both maps back by Monday.",
    "The brown puppy jumped up and barked.",
    "Maybe Bob can help me move the piano.",
    "People often miss the simple problems.",
    "We jumped from the pier into deep blue water.",
    "Paul put a pumpkin beside the empty mailbox.",
    "Remember to pick up some milk and butter.",
    "A small boat came past the bamboo bridge.",
    "Am I speaking to the man behind the camera?",
    "Hope is a bird that perches on my palm.",
    "The company promised a better number by March.",
    "Bumble bees climb up the apple blossom.",
    "Can you imagine a more beautiful morning?",
    "Pam's umbrella popped open in the rain.",
    "Most of my members prefer the middle room.",
    "Keep your lips pressed, then open them wide.",
    "The map on the lamp table belongs to Ben.",
    "Maple syrup makes pancakes much better.",
    "Stop humming and bump the ball past him.",
)
_TOGETHER: Final = 5
"""Sentences of one answer."""
_PAUSE_S: Final = 0.32
_SEED: Final = 1


def can_speak() -> bool:
    """Tell whether Piper is installed."""
    return find_spec("piper") is not None and find_spec("onnx") is not None


@lru_cache(maxsize=1)
def spoken_answers() -> tuple[Utterance, ...]:
    """Say all sentences, several to an answer; the same sound at every call."""
    voice = _load()
    said = [_say(voice, text) for text in SENTENCES]
    return tuple(_join(said[at : at + _TOGETHER]) for at in range(0, len(said), _TOGETHER))


def _say(voice: Any, text: str) -> Utterance:
    import soxr

    sound: list[np.ndarray] = []
    phones: list[Phone] = []
    for chunk in voice.synthesize(text, include_alignments=True):
        start_s = phones[-1].end_s if phones else 0.0
        phones += phones_from_piper(chunk.phoneme_alignments, chunk.sample_rate, start_s)
        sound.append(soxr.resample(chunk.audio_int16_array, chunk.sample_rate, SPEECH_RATE_HZ))
    return Utterance("piper-joe", text, np.concatenate(sound).astype(np.int16), tuple(phones))


def _join(said: list[Utterance]) -> Utterance:
    """Say one after the other, with pauses."""
    pause = np.zeros(round(_PAUSE_S * SPEECH_RATE_HZ), np.int16)
    sound: list[np.ndarray] = []
    phones: list[Phone] = []
    at_s = 0.0
    for one in said:
        end_s = at_s + len(one.pcm) / SPEECH_RATE_HZ
        phones += [Phone(p.symbol, at_s + p.start_s, at_s + p.end_s, p.stress) for p in one.phones]
        phones.append(Phone("SIL", end_s, end_s + _PAUSE_S))
        sound += [one.pcm, pause]
        at_s = end_s + _PAUSE_S
    return Utterance(said[0].voice, " ".join(one.text for one in said), np.concatenate(sound), tuple(phones))


def _load() -> Any:
    """Return Piper's voice, patched to tell the durations of its phones, its noise drawn from one seed."""
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
    onnxruntime.set_seed(_SEED)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
    described = path.with_name(path.name + ".json").read_text(encoding="utf-8")
    return piper.PiperVoice(session=session, config=PiperConfig.from_dict(json.loads(described)))
