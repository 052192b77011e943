"""The picture stages that are measured side by side, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np
from jaxtyping import UInt8

from models.avatar import Avatar
from models.motion.frame import MotionFrame
from models.picture import PictureStage, Tier
from models.video.runtime import TIMES, RuntimeName, Sampler, find_runtime
from models.video.stage import LearnedPicture
from models.video.upscale import UpscaleWeights
from models.video.weights import ASSET, PictureWeights
from models.warp import WarpPicture

Factory = Callable[[Avatar], PictureStage[Any]]


class StillPicture:
    """A `PictureStage` that shows the portrait whatever moves: what is gained by moving at all."""

    def __init__(self, avatar: Avatar) -> None:
        self._picture = avatar.reference

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._picture.shape[0]

    def init_state(self) -> None:
        """Return the empty state."""

    def step(
        self, motion: MotionFrame, state: None, tier: Tier
    ) -> tuple[UInt8[np.ndarray, "side side 3"], None]:
        """Return the portrait."""
        return self._picture, state


@dataclass(frozen=True, slots=True)
class System:
    """A picture stage to be measured."""

    name: str
    open: Factory
    seeded: Callable[[Avatar, int], PictureStage[Any]] | None = None
    """Opens the stage with another seed; None where chance plays no part."""


SYSTEMS: Final[Mapping[str, Callable[[str], System]]] = {
    "still": lambda options: System(_plain("still", options), StillPicture),
    "warp": lambda options: System(_plain("warp", options), WarpPicture),
    "learned": lambda options: _learned(options),
    "regressor": lambda options: _learned(options, plainly=True),
}
"""By name: what makes the system of the options after the colon. A new picture stage adds its line here."""


def _learned(options: str, *, plainly: bool = False) -> System:
    """Return the learned picture; every option has the default of `agent.picture.PictureConfig`.

    Args:
        options: what follows the colon.
        plainly: without noise, as a network that was trained to regress.

    Raises:
        ValueError: no such option, runtime or number of steps.
        OSError: the weights are not there.
        RuntimeMissingError: the runtime is not installed; it is not replaced by the warp.
    """
    given = parse_options(options, ("steps", "runtime", "weights", "finer"))
    runtime = given.get("runtime", "auto")
    if runtime not in get_args(RuntimeName):
        raise ValueError(f"no runtime {runtime!r}; there are: {', '.join(get_args(RuntimeName))}")
    steps = given.get("steps", "1")
    if steps not in map(str, TIMES):
        raise ValueError(f"no sampler of {steps!r} steps; there are: {', '.join(map(str, TIMES))}")

    def sampler(seed: int) -> Sampler:
        return Sampler((1.0,), None) if plainly else Sampler.of(int(steps), seed)

    weights = Path(given.get("weights", ASSET))
    loaded = PictureWeights.load(weights)
    finer = _finer(given.get("finer"))
    found = find_runtime(cast("RuntimeName", runtime))

    def seeded(avatar: Avatar, seed: int) -> LearnedPicture:
        return LearnedPicture(WarpPicture(avatar), loaded, finer, found, sampler(seed))

    told = ",".join(f"{key}={Path(value).stem}" for key, value in given.items())
    name = ("regressor" if plainly else "learned") + (f":{told}" if told else "")
    return System(name, lambda avatar: seeded(avatar, 0), None if plainly else seeded)


def _finer(given: str | None) -> UpscaleWeights | None:
    """Return the upscaler of a file, those weights that come along, or with `none` no upscaler."""
    if given == "none":
        return None
    return UpscaleWeights.load() if given is None else UpscaleWeights.load(Path(given))


def _plain(name: str, options: str) -> str:
    if options:
        raise ValueError(f"the system {name!r} takes no options, and {options!r} was given")
    return name


def parse_options(options: str, choices: Sequence[str]) -> dict[str, str]:
    """Split `steps=2,runtime=torch` into a mapping.

    Raises:
        ValueError: an option is not among the choices, or has no value; the message names them.
    """
    given = {}
    for part in filter(None, options.split(",")):
        key, equals, value = part.partition("=")
        if key not in choices or not equals or not value:
            raise ValueError(f"no option {part!r}; there are: {', '.join(f'{one}=…' for one in choices)}")
        given[key] = value
    return given


def open_systems(names: Sequence[str]) -> list[System]:
    """Return the named systems.

    Args:
        names: of `SYSTEMS`, some with options after a colon; `package.module:factory` is any other stage, by
            a function that takes an `Avatar`.

    Raises:
        ValueError: there is no such system; the message names those there are.
    """
    return [_open(name) for name in dict.fromkeys(names)]


def _open(name: str) -> System:
    head, _, tail = name.partition(":")
    if head in SYSTEMS:
        return SYSTEMS[head](tail)
    try:
        return System(name, getattr(import_module(head), tail))
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no system {name!r}; there are {', '.join(SYSTEMS)}, and any package.module:factory"
        ) from error
