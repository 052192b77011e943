"""`VideoNet`: what every network of the full model is asked, and which of its weights each stage trains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.video.full.control import ControlEncoder, Features
from models.video.full.spec import UnetSpec
from models.video.full.unet import Unet

Stage = Literal["image", "control", "temporal", "joint"]
STAGES: Final[tuple[Stage, ...]] = ("image", "control", "temporal", "joint")
"""The base UNet; the control encoder, on single frames; the temporal convolutions, on clips; and, as the
ablation of the schedule, the last two together."""


@dataclass(frozen=True, slots=True)
class Cond:
    """What a clip is denoised under."""

    features: Features = ()
    """Of the control encoder; none for the image UNet alone."""
    low: Float[Tensor, "batch frames 3 height width"] | None = None
    """The smaller clip, enlarged and a little noisy, where this network sharpens one."""
    low_t: Float[Tensor, "batch frames"] | None = None
    """Diffusion time that `low` was noised to."""


class VideoNet(Protocol):
    """Noisy clip in, prediction out. Also an `nn.Module`."""

    def control(
        self,
        planes: Float[Tensor, "batch frames channels side side"],
        reference: Float[Tensor, "batch 3 side side"],
    ) -> Features:
        """Return what the controls say, once for every frame."""
        ...

    def begin_control(self) -> None:
        """Let a control encoder that never learned begin as a copy of the image UNet, which has."""
        ...

    def __call__(
        self,
        x: Float[Tensor, "batch frames channels height width"],
        t: Float[Tensor, "batch frames"],
        cond: Cond,
        /,
    ) -> Float[Tensor, "batch frames channels height width"]:
        """Return the prediction for each frame; `t` is its diffusion time."""
        ...


class PixelNet(nn.Module):
    """Image UNet, control encoder and temporal convolutions, on pixels."""

    def __init__(self, spec: UnetSpec, channels: int, *, sharpens: bool = False) -> None:
        """Build it with random weights.

        Args:
            spec: sizes.
            channels: of the control planes.
            sharpens: it is given a smaller clip to enlarge.
        """
        super().__init__()
        self.base = Unet(spec, 6 if sharpens else 3, augmented=sharpens)
        self.encoder = ControlEncoder(self.base, channels)

    def control(
        self,
        planes: Float[Tensor, "batch frames channels side side"],
        reference: Float[Tensor, "batch 3 side side"],
    ) -> Features:
        """Return what the controls say, once for every frame."""
        return self.encoder(planes, reference)

    def begin_control(self) -> None:
        """Let a control encoder that never learned begin as a copy of the image UNet."""
        if self.encoder.silent:
            self.encoder.copy_from(self.base)

    def forward(
        self,
        x: Float[Tensor, "batch frames channels height width"],
        t: Float[Tensor, "batch frames"],
        cond: Cond,
    ) -> Float[Tensor, "batch frames channels height width"]:
        """Return the prediction for each frame."""
        batch, frames = x.shape[:2]
        seen = x if cond.low is None else torch.cat([x, cond.low], dim=2)
        added = [part.flatten(0, 1) for part in cond.features]
        low_t = None if cond.low_t is None else cond.low_t.flatten()
        said = self.base(seen.flatten(0, 1), t.flatten(), frames, added, low_t)
        return said.unflatten(0, (batch, frames))


def part_of(name: str) -> Stage:
    """Return the stage that trains a parameter, by its name in a `VideoNet`."""
    if ".temporal." in name:
        return "temporal"
    return "control" if name.startswith("encoder.") else "image"


def freeze_but(net: nn.Module, stage: Stage) -> list[Tensor]:
    """Let only the parameters of a stage learn, and return them.

    Raises:
        ValueError: There is no such stage.
    """
    if stage not in STAGES:
        raise ValueError(f"no stage {stage!r}; there are: {', '.join(STAGES)}")
    parts = ("control", "temporal") if stage == "joint" else (stage,)
    return list(_freeze(net.named_parameters(), parts))


def _freeze(named: Iterable[tuple[str, Tensor]], parts: Sequence[str]) -> Iterable[Tensor]:
    for name, parameter in named:
        parameter.requires_grad_(part_of(name) in parts)
        if parameter.requires_grad:
            yield parameter
