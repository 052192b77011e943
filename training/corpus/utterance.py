"""`Utterance`: one sentence of one voice, with the time of each phone, as the corpus keeps it on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Int16

from models.motion.stage import Phone


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


def utterances(folder: Path) -> Iterator[Utterance]:
    """Yield the utterances under a folder, in the order of their names."""
    for path in sorted(folder.rglob("*.npz")):
        if not path.name.endswith(".partial.npz"):
            yield Utterance.load(path)
