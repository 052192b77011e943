"""Utterances → a conversation: idle, listening, thinking and speaking in turn, as the live engine has it.

The sound is that of the stage's ears: the own voice in `SPEAKING`, in half of `LISTENING` that of the other.
Some speaking stretches hold no speech, so that a learned stage finds out that a floor alone opens no mouth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from models.audio import COLUMNS_PER_FRAME
from models.motion.phones import phone_columns
from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Phone, Presence
from training.corpus.noises import not_speech
from training.corpus.sound import to_float
from training.corpus.utterance import Utterance, joined

Sound = Float32[np.ndarray, "samples"]

_TURN_S: Final = (8.0, 18.0)
"""A turn takes utterances until it is this long, or three."""
_MOST_UTTERANCES: Final = 3
_PAUSE_S: Final = (0.05, 0.7)
"""Between the utterances of a turn, beside the silence that each brings along."""
_THINKS: Final = 0.6
_IDLES: Final = 0.25
_WORDLESS: Final = 0.1
"""Share of conversations with sound in `SPEAKING` that is no speech."""
_SPEECHLESS: Final = 0.15
"""Share of conversations with a `SPEAKING` that stays silent."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some frames under one presence."""

    presence: Presence
    pcm: Sound
    """16 kHz; whole frames."""
    segment: int = 0
    phones: tuple[Phone, ...] | None = None
    """What the teacher knows of the sound."""
    spoken: bool = True
    """Whether the sound is speech, or silence, and the phones may be told to the pupil."""

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.pcm) // SAMPLES_PER_FRAME

    def columns(self) -> UInt8[np.ndarray, "columns"]:
        """Return the ids of the phones (`models.motion.phones`) by column; 0 where none may be told."""
        known = self.phones if self.phones and self.spoken else ()
        return phone_columns(known, 0, COLUMNS_PER_FRAME * self.frames)


def compose(
    own: Sequence[Utterance], others: Sequence[Utterance], random: np.random.Generator
) -> list[Stretch]:
    """Return a conversation in which all of `own` is said, and some of `others` heard."""
    stretches = [_silent(Presence.IDLE, random.uniform(0.4, 2.0))]
    for turn in _turns(own, random):
        stretches.append(_listening(others, random))
        if random.random() < _THINKS:
            stretches.append(_silent(Presence.THINKING, random.uniform(0.3, 1.4)))
        stretches.append(_speaking(turn, random))
        if random.random() < _IDLES:
            stretches.append(_silent(Presence.IDLE, random.uniform(0.4, 3.0)))
    if random.random() < _WORDLESS:
        stretches.append(_wordless(not_speech(random, _whole(random.uniform(3.0, 8.0))), spoken=False))
    if random.random() < _SPEECHLESS:
        stretches.append(_wordless(np.zeros(_whole(random.uniform(1.5, 4.0)), np.float32), spoken=True))
    stretches.append(_silent(Presence.IDLE, random.uniform(0.4, 1.5)))
    speaking = [i for i, stretch in enumerate(stretches) if stretch.presence is Presence.SPEAKING]
    numbers = {index: number for number, index in enumerate(speaking, 1)}
    return [replace(stretch, segment=numbers.get(i, 0)) for i, stretch in enumerate(stretches)]


def _turns(own: Sequence[Utterance], random: np.random.Generator) -> Iterator[list[Utterance]]:
    """Deal the utterances out to turns of one voice each."""
    turn: list[Utterance] = []
    length_s, aim_s = 0.0, random.uniform(*_TURN_S)
    for utterance in own:
        if turn and (length_s > aim_s or len(turn) == _MOST_UTTERANCES or utterance.voice != turn[-1].voice):
            yield turn
            turn, length_s, aim_s = [], 0.0, random.uniform(*_TURN_S)
        turn.append(utterance)
        length_s += len(utterance.pcm) / SPEECH_RATE_HZ
    if turn:
        yield turn


def _whole(seconds: float) -> int:
    """Return the samples of the whole frames nearest to `seconds`, one at least."""
    return SAMPLES_PER_FRAME * max(1, round(seconds * SPEECH_RATE_HZ / SAMPLES_PER_FRAME))


def _to_frames(pcm: Sound) -> Float32[np.ndarray, "filled"]:
    """Fill the last frame up with silence."""
    return np.pad(pcm, (0, -len(pcm) % SAMPLES_PER_FRAME))


def _silent(presence: Presence, seconds: float) -> Stretch:
    return Stretch(presence, np.zeros(_whole(seconds), np.float32))


def _listening(others: Sequence[Utterance], random: np.random.Generator) -> Stretch:
    """Listen to one of the others, or to what the stage does not hear."""
    if not others or random.random() < 0.5:
        return _silent(Presence.LISTENING, random.uniform(1.0, 5.0))
    pcm = to_float(others[int(random.integers(len(others)))].pcm)
    longest = _whole(random.uniform(3.0, 8.0))
    after = np.zeros(_whole(random.uniform(0.2, 0.9)), np.float32)
    return Stretch(Presence.LISTENING, _to_frames(np.concatenate([_faded(pcm, longest), after])))


def _faded(pcm: Sound, longest: int) -> Float32[np.ndarray, "cut"]:
    """Cut sound off after `longest` samples, within 20 ms."""
    if len(pcm) <= longest:
        return pcm
    pcm, fade = pcm[:longest].copy(), SPEECH_RATE_HZ // 50
    pcm[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return pcm


def _speaking(turn: Sequence[Utterance], random: np.random.Generator) -> Stretch:
    """Say utterances one after the other as one segment, as a voice does that is given several sentences."""
    said = joined(turn, [random.uniform(*_PAUSE_S) for _ in turn[1:]])
    return Stretch(Presence.SPEAKING, _to_frames(to_float(said.pcm)), phones=said.phones)


def _wordless(pcm: Sound, *, spoken: bool) -> Stretch:
    """Have the floor without a word; the teacher knows that the mouth has nothing to do."""
    silence = Phone("SIL", 0.0, len(pcm) / SPEECH_RATE_HZ)
    return Stretch(Presence.SPEAKING, pcm, phones=(silence,), spoken=spoken)
