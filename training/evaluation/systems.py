"""The systems that are measured side by side, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.stage import MotionStage, Phone
from training.evaluation.drive import Pace, drive
from training.evaluation.energy import EnergyJaw
from training.evaluation.learned import has_weights, open_learned, short
from training.teacher.rules import RuleMotion


@dataclass(frozen=True, slots=True)
class System:
    """A motion stage, and what it is given."""

    name: str
    stage: MotionStage[Any]
    knows_phones: bool = False
    seeded: bool = True
    """Other seeds, other motions."""
    averaged: bool = False
    """Shows the mean of its motion all the time: the best that knows nothing."""
    pace: Pace = field(default_factory=Pace)

    def move(
        self, pcm: Float32[np.ndarray, "samples"], phones: tuple[Phone, ...] | None, seed: int
    ) -> Float32[np.ndarray, "frames 98"]:
        """Return its motion to an utterance."""
        motion = drive(self.stage, pcm, phones if self.knows_phones else None, seed, self.pace)
        if self.averaged:
            motion[:] = motion.mean(axis=0)
        return motion


def _learned(name: str, options: str, pace: Pace) -> System:
    heading = f"{name}:{short(options)}" if options else name
    return System(heading, open_learned(options), knows_phones=name.endswith("-phones"), pace=pace)


BASELINES: Final = ("energy", "mean", "rules", "rules-sound")
LEARNED: Final = ("diffusion", "diffusion-phones")
NAMES: Final = (*BASELINES, *LEARNED)

_RULES: Final[dict[str, Callable[[Pace], System]]] = {
    "energy": lambda pace: System("energy", EnergyJaw(), seeded=False, pace=pace),
    "mean": lambda pace: System("mean", RuleMotion(), seeded=False, averaged=True, pace=pace),
    "rules": lambda pace: System("rules", RuleMotion(), knows_phones=True, pace=pace),
    "rules-sound": lambda pace: System("rules-sound", RuleMotion(), pace=pace),
}


def default_names() -> tuple[str, ...]:
    """Return the baselines, and the learned stage where its weights are there."""
    return NAMES if has_weights() else BASELINES


def open_systems(names: Sequence[str], pace: Pace) -> list[System]:
    """Return the named systems.

    Args:
        names: Of `NAMES`; the learned ones may have options (`learned.open_learned`) after a colon.
            `package.module:factory` is any other stage, driven by sound alone.
        pace: How the sound comes.

    Raises:
        ValueError: There is no such system.
        OSError: The learned stage's weights are not there.
    """
    return [_open(name, pace) for name in names]


def _open(name: str, pace: Pace) -> System:
    head, _, tail = name.partition(":")
    if name in _RULES:
        return _RULES[name](pace)
    if head in LEARNED:
        return _learned(head, tail, pace)
    try:
        factory = getattr(import_module(head), tail)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no system {name!r}; there are {', '.join(NAMES)}, and any package.module:factory"
        ) from error
    return System(name, factory(), pace=pace)
