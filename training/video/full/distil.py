"""Distillation: many guided steps into two, then one. `visavis train distil-video TEACHER --config …`."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from models.video.full.build import VideoModel
from models.video.full.net import Cond, freeze_but
from models.video.full.prediction import denoiser
from models.video.full.samplers import guided
from training.common.loop import add_scalars, average, ema_share, pace, seed_all, shown_steps
from training.video.full.batch import Batch, batches
from training.video.full.config import VideoTraining
from training.video.full.consistency import Solve, consistency_loss
from training.video.full.loss import condition
from training.video.full.train import SCALARS, TRAIN, open_clips


@dataclass(frozen=True, slots=True)
class Distilled:
    """One phase: steps the student takes; how far its jumps were apart at the beginning and at the end."""

    weights: Path
    steps: int
    first_loss: float
    last_loss: float


def distil(teacher_weights: Path, run: VideoTraining, folder: Path | None, out: Path) -> Iterator[Distilled]:
    """Distil a trained model, phase by phase; each yields the averaged student, `student-STEPS.safetensors`.

    Raises:
        ValueError: The weights are no full video model, or there are no clips.
    """
    seed_all(run.seed)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=run.precision)
    teacher = VideoModel.load(teacher_weights, accelerator.device)
    student = replace(teacher, net=deepcopy(teacher.net))
    clips = open_clips(run.model_copy(update={"model": teacher.spec}), folder, TRAIN, run.distil.frames)
    source = batches(clips, run.distil.batch, 0, run.distil.steps * len(run.distil.phases), run.readers)
    for number, steps in enumerate(run.distil.phases):
        phase = Phase(teacher, student, run, steps, accelerator)
        losses = []
        for step in shown_steps(0, run.distil.steps, f"{steps} steps" if steps > 1 else "1 step"):
            losses.append(phase.advance(next(source), step, run.seed + number * run.distil.steps + step))
            if (step + 1) % run.report_every == 0:
                add_scalars(out / SCALARS, {"student_steps": steps, "step": step + 1, "loss": losses[-1]})
        student = phase.close()
        weights = out / f"student-{steps}.safetensors"
        student.save(weights)
        few = max(1, len(losses) // 10)
        yield Distilled(weights, steps, sum(losses[:few]) / few, sum(losses[-few:]) / few)


class Phase:
    """Trains a student of so many steps, in place.

    Args:
        teacher: what is distilled; never changed.
        student: begins where the phase before ended.
        run: every number.
        steps: the student's.
        accelerator: device and precision.
    """

    def __init__(
        self,
        teacher: VideoModel,
        student: VideoModel,
        run: VideoTraining,
        steps: int,
        accelerator: Accelerator,
    ) -> None:
        self._teacher, self._student, self._run, self._steps = teacher, student, run, steps
        self._accelerator, self._average = accelerator, replace(student, net=deepcopy(student.net))
        # A pre-trained image model is not ours to keep; on our own UNet everything may learn.
        learning = freeze_but(student.net, "joint")
        if not student.spec.latent:
            learning = list(student.net.requires_grad_(True).parameters())
        self._learning = learning
        self._optimiser = torch.optim.AdamW(learning, run.distil.learning_rate, (0.9, 0.99), weight_decay=0.0)

    def advance(self, batch: Batch, step: int, seed: int) -> float:
        """Take one step; return the loss."""
        config = self._run.distil
        self._optimiser.param_groups[0]["lr"] = config.learning_rate * pace(
            step, config.steps, min(config.warmup_steps, config.steps)
        )
        batch, random = batch.to(self._accelerator.device), torch.Generator().manual_seed(seed)
        with self._accelerator.autocast():
            with torch.no_grad():
                teacher, x0 = self._guided_teacher(batch, seed), self._teacher.codec.encode(batch.target)
            loss = consistency_loss(
                teacher, _solve(self._student, self._told(self._student, batch, seed)), x0,
                schedule=self._teacher.spec.schedule, student_steps=self._steps,
                teacher_steps=config.teacher_steps, random=random,
            )  # fmt: skip
        self._optimiser.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._learning, 1.0)
        self._optimiser.step()
        average(self._average.net, self._student.net, ema_share(step, self._run.ema))
        return float(loss.detach())

    def close(self) -> VideoModel:
        """Return the averaged student, whose settings say how it is to be sampled."""
        sampling = self._teacher.spec.sampling.model_copy(
            update={"sampler": "ddim", "steps": self._steps, "guidance": 1.0}
        )
        spec = self._teacher.spec.model_copy(update={"sampling": sampling})
        return replace(self._average, spec=spec)

    def _told(self, model: VideoModel, batch: Batch, seed: int) -> Cond:
        # The same seed for teacher and student: both see the smaller clip under the same noise.
        random = torch.Generator().manual_seed(seed)
        return condition(model, batch, "joint", self._run.loss, random)

    def _guided_teacher(self, batch: Batch, seed: int) -> Solve:
        told, weight = self._told(self._teacher, batch, seed), self._run.distil.guidance
        if weight == 1.0:
            return _solve(self._teacher, told)
        nothing = replace(
            batch, planes=torch.zeros_like(batch.planes), reference=torch.zeros_like(batch.reference)
        )
        return _solve(self._teacher, told, self._told(self._teacher, nothing, seed), weight)


def _solve(model: VideoModel, told: Cond, untold: Cond | None = None, weight: float = 1.0) -> Solve:
    denoise = denoiser(model.net, model.spec.schedule, model.spec.prediction, clip=not model.spec.latent)
    if untold is not None:
        denoise = guided(denoise, untold, weight)

    def solve(x: Tensor, t: Tensor) -> Tensor:
        return denoise(x, t, told)

    return solve
