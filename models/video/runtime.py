"""The `Runtime` seam: what runs the picture network, fast or as the reference.

A program is the network with its sampler's steps unrolled, for one portrait and one noise: the warp in, what
to add to it out. Every runtime gives the same picture, to its precision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Literal, NamedTuple, Protocol, Self

import numpy as np
from jaxtyping import Float32, UInt8

from models.video.conditions import SIDE
from models.video.state import PictureMemory
from models.video.upscale import CompileUpscaler
from models.video.weights import PictureWeights

RuntimeName = Literal["auto", "openvino-int8", "openvino", "torch"]
START: Final = 0.65
"""Diffusion time at which the noised warp is taken for the noisy picture."""
TEMPERATURE: Final = 0.3
"""Strength of the noise on it. All of it would shine through: at this time a truth shines through, too."""
TIMES: Final[dict[int, tuple[float, ...]]] = {1: (START,), 2: (START, 0.25), 4: (START, 0.42, 0.28, 0.14)}
"""Diffusion times by the number of steps: noise the picture so far, predict x₀, again (arXiv 2303.01469)."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """How a picture is drawn from the noised warp."""

    times: tuple[float, ...] = TIMES[1]
    """Diffusion times that are visited."""
    seed: int | None = 0
    """Of the noise, which stays the same from frame to frame, or skin would boil; None for no noise."""

    @classmethod
    def of(cls, steps: int, seed: int | None = 0) -> Self:
        """Return the sampler of so many steps.

        Raises:
            ValueError: there is none; names those there are.
        """
        if steps not in TIMES:
            raise ValueError(f"no sampler of {steps} steps; there are: {', '.join(map(str, TIMES))}")
        return cls(TIMES[steps], seed)

    def noise(self) -> Float32[np.ndarray, "3 side side"]:
        """Draw the noise."""
        if self.seed is None:
            return np.zeros((3, SIDE, SIDE), np.float32)
        draw = np.random.default_rng(self.seed)
        return np.float32(TEMPERATURE) * draw.standard_normal((3, SIDE, SIDE), np.float32)


class RuntimeMissingError(RuntimeError):
    """No runtime of this name can run here; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Made:
    """One frame out of a program."""

    added: Float32[np.ndarray, "side side 3"]
    """x₀ less the warp, in 0..255 steps; x₀ may lie beyond black and white."""
    memory: PictureMemory


class Program(Protocol):
    """A compiled network for one avatar."""

    @property
    def steps(self) -> int:
        """Evaluations of the network for each frame."""
        ...

    def __call__(
        self,
        warp: UInt8[np.ndarray, "side side 3"],
        controls: Float32[np.ndarray, "planes small small"],
        memory: PictureMemory,
    ) -> Made:
        """Make one frame."""
        ...


Compile = Callable[[PictureWeights, UInt8[np.ndarray, "side side 3"], Sampler], Program]
"""Weights, the reference inside the window, and the sampler to a program."""


class Runtime(NamedTuple):
    """What runs networks here."""

    name: str
    picture: Compile
    upscaler: CompileUpscaler


def find_runtime(name: RuntimeName = "auto") -> Runtime:
    """Return a runtime by name, or the fastest that is installed.

    Raises:
        RuntimeMissingError: it is not installed.
    """
    wanted = ("openvino-int8", "torch") if name == "auto" else (name,)
    for choice in wanted:
        if find_spec(choice.split("-")[0]) is not None:
            return _open(choice)
    needs = "openvino (`pip install openvino`)" if name != "torch" else "torch"
    raise RuntimeMissingError(
        f"the learned picture needs {needs}, which is not installed; it stays with the warp"
    )


def _open(choice: str) -> Runtime:
    if choice == "torch":
        from models.video.torch_program import TorchProgram, TorchUpscaler

        return Runtime(choice, TorchProgram, TorchUpscaler)
    from models.video.openvino_program import OpenVinoProgram, OpenVinoUpscaler

    eight_bits = choice.endswith("int8")
    return Runtime(
        choice,
        lambda weights, reference, sampler: OpenVinoProgram(
            weights, reference, sampler, eight_bits=eight_bits
        ),
        OpenVinoUpscaler,
    )
