"""The systems that are measured side by side, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.rules import RuleMotion
from models.motion.stage import MotionStage, Phone
from training.evaluation.drive import Pace, drive
from training.evaluation.energy import EnergyJaw


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


def _learned() -> MotionStage[Any]:
    stage: MotionStage[Any] = import_module(LEARNED_MODULE).DiffusionMotion()
    return stage


LEARNED: Final = "diffusion"
LEARNED_MODULE: Final = "models.motion.diffusion.stage"
BASELINES: Final = ("energy", "mean", "rules", "rules-sound")

_STAGES: Final[dict[str, Callable[[Pace], System]]] = {
    "energy": lambda pace: System("energy", EnergyJaw(), seeded=False, pace=pace),
    "mean": lambda pace: System("mean", RuleMotion(), seeded=False, averaged=True, pace=pace),
    "rules": lambda pace: System("rules", RuleMotion(), knows_phones=True, pace=pace),
    "rules-sound": lambda pace: System("rules-sound", RuleMotion(), pace=pace),
    LEARNED: lambda pace: System(LEARNED, _learned(), pace=pace),
    "diffusion-phones": lambda pace: System("diffusion-phones", _learned(), knows_phones=True, pace=pace),
}
NAMES: Final = tuple(_STAGES)


def open_systems(names: Sequence[str], pace: Pace) -> list[System]:
    """Return the named systems.

    Args:
        names: Of `NAMES`, or `package.module:factory` for any other stage, driven by sound alone.
        pace: How the sound comes.

    Raises:
        ValueError: There is no such system.
    """
    return [_STAGES[name](pace) if name in _STAGES else _imported(name, pace) for name in names]


def _imported(name: str, pace: Pace) -> System:
    module, _, factory = name.partition(":")
    try:
        return System(name, getattr(import_module(module), factory)(), pace=pace)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no system {name!r}; there are {', '.join(NAMES)}, and any package.module:factory"
        ) from error
