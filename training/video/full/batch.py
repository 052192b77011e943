"""Batches of clips as tensors, and what is withheld of them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import DataLoader

from models.video.planes import Planes
from training.video.clips import Clips
from training.video.full.config import DropConfig
from training.video.packed import Clip


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips of the same length."""

    planes: Float[Tensor, "batch frames channels side side"]
    target: Float[Tensor, "batch frames 3 side side"]
    reference: Float[Tensor, "batch 3 side side"]

    def to(self, device: torch.device) -> "Batch":
        """Return it there."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def collate(clips: list[Clip]) -> Batch:
    """Stack clips."""
    parts = ([torch.from_numpy(getattr(clip, field.name)) for clip in clips] for field in fields(Batch))
    return Batch(*(torch.stack(part) for part in parts))


class _Numbered(torch.utils.data.Dataset[Clip]):
    def __init__(self, clips: Clips) -> None:
        self._clips = clips

    def __getitem__(self, number: int) -> Clip:
        return self._clips[number]


@dataclass(frozen=True, slots=True)
class _Order:
    """Numbers of the clips of all batches, in order, never all at once: there may be many millions."""

    batch: int
    first: int
    steps: int
    part: int
    parts: int

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first, self.steps):
            begin = (step * self.parts + self.part) * self.batch
            yield from range(begin, begin + self.batch)


def batches(
    clips: Clips, batch: int, first: int, steps: int, readers: int = 0, part: int = 0, parts: int = 1
) -> Iterator[Batch]:
    """Yield the batches of steps `first` to `steps`.

    Args:
        clips: where they come from.
        batch: clips in each.
        first: number of the first step.
        steps: number after the last.
        readers: processes that read ahead; 0 reads when asked.
        part: which of the processes that train together this is; each has clips of its own.
        parts: how many there are.
    """
    order = _Order(batch, first, steps, part, parts)
    yield from DataLoader(_Numbered(clips), batch, sampler=order, num_workers=readers, collate_fn=collate)


def withheld(batch: Batch, drop: DropConfig, layout: Planes, random: torch.Generator) -> Batch:
    """Return the batch with nothing in place of what some of its clips are not to know."""
    count = len(batch.target)
    unlucky = [torch.rand(count, generator=random) < share for share in (drop.all, drop.reference, drop.warp)]
    everything, reference, warp = (mask.to(batch.target.device) for mask in unlucky)
    planes = batch.planes.clone()
    for name in ("warp", "visible"):
        if name in layout.slices:
            planes[warp, :, layout.slices[name]] = 0
    planes[everything] = 0
    return replace(batch, planes=planes, reference=_without(batch.reference, everything | reference))


def _without(pictures: Float[Tensor, "batch 3 side side"], mask: Bool[Tensor, "batch"]) -> Tensor:
    return torch.where(mask[:, None, None, None], torch.zeros_like(pictures), pictures)
