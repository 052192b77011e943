"""The training loop: `visavis train embedded --config configs/pictures/embedded.yaml CLIPS`.

A run goes through its stages in order: single pictures, the finish over the sampler's own steps, and clips,
which teach the temporal convolutions alone (paper section 3.2, two-stage schedule).
"""

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file
from torch import Tensor

from models.video.network import PictureNet
from training.common.loop import seed_all
from training.pictures.checkpoint import grown, load_net, save_net
from training.pictures.config import PictureTraining, StageConfig
from training.pictures.data import Clips
from training.pictures.finish import Critic, finish_step
from training.pictures.loss import Losses, Perceptual, draw_noisy, picture_loss
from training.pictures.pack import HELD_OUT, SINGLE, TRAIN
from training.pictures.part import Batch
from training.pictures.samples import restored, save_sheet

WEIGHTS, RAW, STATE, SCALARS, SAMPLES = (
    "picture.safetensors", "raw.safetensors", "state.pt", "scalars.jsonl", "samples.png",
)  # fmt: skip
CHECKED = 24
"""Held-out pictures that every report looks at."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a run ended: held-out signal to noise in dB, of the warp and of what was learned."""

    weights: Path
    steps: int
    warp_db: float
    learned_db: float


class Trainer:
    """One run: network, its average, optimiser, and where they are kept.

    Args:
        run: every number of it.
        clips: folder with `train` and `held-out`.
        out: folder for weights, scalars and what resuming needs. A run that lies there goes on.
        start: weights to begin with, instead of chance; of the same sizes, or of fewer blocks.
    """

    def __init__(self, run: PictureTraining, clips: Path, out: Path, start: Path | None = None) -> None:
        seed_all(run.seed)
        self.run, self.out = run, out
        self._perceptual = _perceptual(run)
        self._clips = Clips(clips / TRAIN, run.seed, clips / SINGLE)
        self._check = Clips(clips / HELD_OUT, run.seed).whole(CHECKED)
        self.net = PictureNet(run.net.shape()) if start is None else grown(load_net(start), run.net.shape())
        self.net = self.net.to(memory_format=torch.channels_last)
        self.ema = deepcopy(self.net).requires_grad_(False)
        self._critic = Critic()
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=run.precision)
        self._optimiser = torch.optim.AdamW(self.net.parameters(), 1.0, (0.9, 0.99), weight_decay=0.01)
        self._rival = torch.optim.AdamW(self._critic.parameters(), 2e-4, (0.5, 0.99), weight_decay=0.01)
        self._net, self._optimiser = self._accelerator.prepare(self.net, self._optimiser)
        self.step = 0
        self._resume()

    def train(self) -> Trained:
        """Run through all stages, saving on the way."""
        warp_db = decibels(self._check.given.warp, self._check.target)
        learned = self.held_out_db()
        for stage, done in self._steps():
            losses = self._advance(stage, done)
            if self.step % self.run.report_every == 0 or done + 1 == stage.steps:
                learned = self.held_out_db()
                self._report(stage, losses, learned, warp_db)
                self._clips.refresh()
            if self.step % self.run.save_every == 0 or done + 1 == stage.steps:
                self._save()
        return Trained(self.out / WEIGHTS, self.step, warp_db, learned)

    def held_out_db(self, steps: int = 1) -> float:
        """Return the signal to noise of restored photographs of people it never saw."""
        return decibels(restored(self.ema, self._check, steps), self._check.target)

    def _steps(self) -> Iterator[tuple[StageConfig, int]]:
        columns = (TextColumn("Training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        total, begun = sum(stage.steps for stage in self.run.stages), 0
        with Progress(*columns, refresh_per_second=1) as progress:
            bar = progress.add_task("", total=total, completed=self.step)
            for stage in self.run.stages:
                while self.step < begun + stage.steps:
                    yield stage, self.step - begun
                    self.step += 1
                    progress.update(bar, completed=self.step)
                begun += stage.steps

    def _advance(self, stage: StageConfig, done: int) -> Losses:
        choose_parameters(self.net, stage)
        if stage.stage == "temporal" and done == 0:
            self.net.load_state_dict(self.ema.state_dict())
        for group in self._optimiser.param_groups:
            group["lr"] = stage.learning_rate * pace(done, stage.steps, self.run.warmup_steps)
        batch = self._clips.draw(stage)
        self._optimiser.zero_grad(set_to_none=True)
        losses = self._losses(stage, batch)
        self._accelerator.backward(losses.total)
        self._accelerator.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optimiser.step()
        share = min(self.run.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.ema.parameters(), self.net.parameters(), strict=True):
                if new.requires_grad:
                    kept.lerp_(new, 1 - share)
        return losses

    def _losses(self, stage: StageConfig, batch: Batch) -> Losses:
        if stage.stage == "finish":
            return finish_step(
                self._net, self._critic, self._rival, batch, stage.loss, stage.noise, self._perceptual
            )
        noisy, t = draw_noisy(batch, stage.noise)
        if stage.stage == "regressor":
            noisy, t = torch.zeros_like(noisy), torch.ones_like(t)
        with self._accelerator.autocast():
            made = self._net(noisy, t, batch.given, batch.clip)
        return picture_loss(made, batch, stage.loss, self._perceptual)

    def _report(self, stage: StageConfig, losses: Losses, learned_db: float, warp_db: float) -> None:
        line: dict[str, Any] = {"step": self.step, "stage": stage.stage, "gain_db": learned_db - warp_db}
        line |= {name: float(value.detach()) for name, value in asdict_tensors(losses).items()}
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / SCALARS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        save_net(self.ema, self.out / WEIGHTS)
        save_net(self.net, self.out / RAW)
        state = {
            "step": self.step + 1,
            "optimiser": self._optimiser.state_dict(),
            "critic": self._critic.state_dict(),
            "rival": self._rival.state_dict(),
        }
        partial = self.out / f"{STATE}.partial"
        torch.save(state, partial)
        partial.replace(self.out / STATE)
        save_sheet(self.out / SAMPLES, self.ema, self._check)

    def _resume(self) -> None:
        if not (self.out / STATE).is_file():
            return
        state = torch.load(self.out / STATE, weights_only=False)
        self.step = int(state["step"])
        self.net.load_state_dict(load_file(self.out / RAW))
        self.ema.load_state_dict(load_file(self.out / WEIGHTS))
        self._optimiser.load_state_dict(state["optimiser"])
        self._critic.load_state_dict(state["critic"])
        self._rival.load_state_dict(state["rival"])


def _perceptual(run: PictureTraining) -> Perceptual | None:
    """Open LPIPS (AlexNet) when a stage wants it.

    Raises:
        LpipsWeightsError: its weights are not there; the message says how to get them.
    """
    if not any(stage.loss.perceptual for stage in run.stages):
        return None
    from training.pictures.evaluation.lpips import open_lpips

    return open_lpips("alex")


def asdict_tensors(losses: Losses) -> dict[str, Tensor]:
    """Return the parts of the loss by name."""
    return {name: getattr(losses, name) for name in losses.__dataclass_fields__}


def choose_parameters(net: PictureNet, stage: StageConfig) -> None:
    """Let a stage of clips teach the temporal convolutions alone: single pictures stay as they were."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(stage.stage != "temporal" or name.startswith("temporal."))


def pace(step: int, steps: int, warmup: int) -> float:
    """Return the learning rate's factor within a stage: a linear start, then half a cosine down to 5 %."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def decibels(made: Tensor, target: Tensor) -> float:
    """Return the mean peak signal to noise of pictures in -1..1."""
    square = (made - target).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 * square.log10()).mean())
