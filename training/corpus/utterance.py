"""`Utterance`: one sentence of one voice, with the time of each phone, as the corpus keeps it on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Int16

from models.motion.stage import SPEECH_RATE_HZ, Phone


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, by whom, and when each phone sounds. The phones tile the sound; pauses are `SIL`."""

    voice: str
    """Speaker, unique over the corpus, such as `kokoro-af_heart` or `librispeech-1089`."""
    text: str
    pcm: Int16[np.ndarray, "samples"]
    """16 kHz mono."""
    phones: tuple[Phone, ...]

    def save(self, path: Path) -> None:
        """Write one `.npz`; a half-written file never stays under the final name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            voice=self.voice,
            text=self.text,
            pcm=self.pcm,
            symbols=np.array([phone.symbol for phone in self.phones]),
            times_s=np.array([(phone.start_s, phone.end_s) for phone in self.phones], np.float32),
            stress=np.array([phone.stress for phone in self.phones], np.uint8),
        )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as data:
            phones = tuple(
                Phone(str(symbol), float(start), float(end), int(stress))
                for symbol, (start, end), stress in zip(
                    data["symbols"], data["times_s"], data["stress"], strict=True
                )
            )
            return cls(str(data["voice"]), str(data["text"]), data["pcm"], phones)


def joined(said: Sequence[Utterance], pauses_s: Sequence[float]) -> Utterance:
    """Say one utterance after the other, with a pause between each and the next; silences in a row are one.

    Args:
        said: Of one voice, one at least.
        pauses_s: One less than utterances.

    Raises:
        ValueError: There are not as many pauses.
    """
    sound, phones = [said[0].pcm], list(said[0].phones)
    at = len(said[0].pcm)
    for utterance, pause_s in zip(said[1:], pauses_s, strict=True):
        pause = int(pause_s * SPEECH_RATE_HZ)
        start_s = (at + pause) / SPEECH_RATE_HZ
        phones.append(Phone("SIL", at / SPEECH_RATE_HZ, start_s))
        phones += [replace(p, start_s=p.start_s + start_s, end_s=p.end_s + start_s) for p in utterance.phones]
        sound += [np.zeros(pause, np.int16), utterance.pcm]
        at += pause + len(utterance.pcm)
    text = " ".join(utterance.text for utterance in said)
    return Utterance(said[0].voice, text, np.concatenate(sound), tuple(_merged(phones)))


def _merged(phones: Sequence[Phone]) -> Iterator[Phone]:
    """Make one silence of silences in a row."""
    last: Phone | None = None
    for phone in phones:
        if last and last.symbol == phone.symbol == "SIL":
            last = replace(last, end_s=phone.end_s)
            continue
        if last:
            yield last
        last = phone
    if last:
        yield last


def utterances(folder: Path) -> Iterator[Utterance]:
    """Yield the utterances under a folder, in the order of their names."""
    for path in sorted(folder.rglob("*.npz")):
        if not path.name.endswith(".partial.npz"):
            yield Utterance.load(path)
