"""Parts of a training loop: seeds, pace, progress, the running average, scalars, and what resuming needs."""

import json
import math
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn


def seed_all(seed: int) -> None:
    """Make a run repeatable."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pace(step: int, steps: int, warmup_steps: int) -> float:
    """Return the learning rate's factor: a linear start, then half a cosine down to 2 %."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done))


def average(ema: nn.Module, net: nn.Module, share: float) -> None:
    """Move the averaged weights towards the present ones; `share` is what stays of the old."""
    with torch.no_grad():
        for kept, new in zip(ema.state_dict().values(), net.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1.0 - share)


def ema_share(step: int, most: float) -> float:
    """Return what stays of the average at a step: little at first, so that the beginning is forgotten."""
    return min(most, (1 + step) / (10 + step))


def shown_steps(first: int, steps: int, label: str = "Training") -> Iterator[int]:
    """Yield the numbers of the steps from `first` on, behind a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, refresh_per_second=1) as progress:
        bar = progress.add_task(label, total=steps, completed=first)
        for step in range(first, steps):
            yield step
            progress.update(bar, completed=step + 1)


def add_scalars(path: Path, line: Mapping[str, float]) -> None:
    """Append one line of JSON to a file of scalars."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what resuming needs, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    torch.save(dict(state), partial)
    partial.replace(path)
