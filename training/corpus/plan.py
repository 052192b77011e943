"""Who says what in which conversation, and which voices a model in training never hears."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np

from models.motion.stage import SPEECH_RATE_HZ
from training.corpus.utterance import Utterance

_HELD_OUT: Final = 0.06
"""Share of voices for validation alone, and of the utterances of a voice that fills a tenth of the corpus."""
_MAIN: Final = 0.1
_OWN_S: Final = (32.0, 58.0)
"""Own speech in a conversation, which makes it 40 to 90 s long."""
_OTHERS: Final = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance on disk."""

    path: str
    voice: str
    length_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One conversation to be packed."""

    file: str
    """Path under the packed folder."""
    seed: int
    """Of the avatar's habits and of all that is drawn."""
    voices: tuple[str, ...]
    own: tuple[str, ...]
    others: tuple[str, ...]
    """Paths of what the avatar says, and of what it may hear."""


def survey(folder: Path) -> list[Line]:
    """List the utterances under a folder, in the order of their names.

    Raises:
        ValueError: There are none.
    """
    lines = []
    for path in sorted(folder.rglob("*.npz")):
        if not path.name.endswith(".partial.npz"):
            utterance = Utterance.load(path)
            lines.append(Line(str(path), utterance.voice, len(utterance.pcm) / SPEECH_RATE_HZ))
    if not lines:
        raise ValueError(f"no utterance in {folder}; make them with: python -m training.corpus.collect")
    return lines


def plan_scenes(lines: Sequence[Line], conversations: int, seed: int) -> list[Scene]:
    """Deal utterances out to conversations, time and again with another avatar, until there are enough."""
    splits = split_lines(lines)
    casts: list[tuple[str, list[Line]]] = []
    turn = 0
    while len(casts) < conversations:
        random = np.random.default_rng((seed, turn))
        again = [(split, cast) for split, part in splits.items() for cast in _casts(part, random)]
        order = random.permutation(len(again))[: conversations - len(casts)]
        casts += [again[i] for i in sorted(order)]
        turn += 1
    return [_scene(number, split, cast, splits[split], seed) for number, (split, cast) in enumerate(casts)]


def split_lines(lines: Sequence[Line]) -> Mapping[str, list[Line]]:
    """Hold voices out, by their names alone, so that a growing corpus never moves one to the other side."""
    spoken_s: dict[str, float] = {}
    for line in lines:
        spoken_s[line.voice] = spoken_s.get(line.voice, 0.0) + line.length_s
    most_s = _MAIN * sum(spoken_s.values())
    splits: dict[str, list[Line]] = {"train": [], "val": []}
    for line in lines:
        name = line.voice if spoken_s[line.voice] <= most_s else f"{line.voice}/{Path(line.path).stem}"
        splits["val" if is_held_out(name) else "train"].append(line)
    return splits


def is_held_out(name: str) -> bool:
    """Tell whether a voice of this name is never trained on, in whatever corpus it is."""
    return crc32(name.encode()) % 1000 < 1000 * _HELD_OUT


def _casts(lines: Sequence[Line], random: np.random.Generator) -> Iterator[list[Line]]:
    """Cut shuffled utterances into conversations of one voice; what is left of small voices goes together."""
    by_voice: dict[str, list[Line]] = {}
    for line in lines:
        by_voice.setdefault(line.voice, []).append(line)
    left: list[Line] = []
    for voice in random.permutation(sorted(by_voice)):
        shuffled = [by_voice[voice][i] for i in random.permutation(len(by_voice[voice]))]
        *full, rest = _cut(shuffled, random)
        yield from full
        left += rest
    yield from (cast for cast in _cut(left, random) if cast)


def _cut(lines: Sequence[Line], random: np.random.Generator) -> Iterator[list[Line]]:
    """Cut into conversations; the last one is what did not suffice, maybe nothing."""
    cast: list[Line] = []
    aim_s = random.uniform(*_OWN_S)
    for line in lines:
        if sum(said.length_s for said in cast) + 0.5 * line.length_s >= aim_s:
            yield cast
            cast, aim_s = [], random.uniform(*_OWN_S)
        cast.append(line)
    yield cast


def _scene(number: int, split: str, cast: Sequence[Line], heard: Sequence[Line], seed: int) -> Scene:
    """Give a cast its avatar and partners out of the same side of the split."""
    random = np.random.default_rng((seed, number, 1))
    voices = tuple(dict.fromkeys(line.voice for line in cast))
    strangers = [line for line in heard if line.voice not in voices]
    chosen = random.permutation(len(strangers))[:_OTHERS]
    return Scene(
        f"{split}/{number:05d}.safetensors",
        int(random.integers(2**31)),
        voices,
        tuple(line.path for line in cast),
        tuple(strangers[i].path for i in chosen),
    )
