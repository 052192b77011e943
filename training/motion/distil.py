"""Distillation: the guided, many-step teacher in one or two steps of one branch.

The student starts as the teacher. At the times its sampler visits it learns to name at once where the
teacher's DDIM solver would arrive, guidance included (Meng et al. 2023, "On distillation of guided diffusion
models"; one stage, since frames are small). `visavis train distil TEACHER CORPUS OUT` runs it.
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from rich.progress import track
from torch import Tensor

from models.motion.diffusion.schedule import times
from training.common.loop import average, ema_share, pace, seed_all
from training.motion.checkpoint import load_net, save_net
from training.motion.config import DistilConfig, MotionTraining
from training.motion.data import Batch, Clips, load_conversations
from training.motion.loss import noised, noised_past, steady
from training.motion.network import Heard, MotionNet, Past
from training.motion.train import WEIGHTS

_REPORTED: Final = 20


@dataclass(frozen=True, slots=True)
class Distilled:
    """Where it ended: mean squared distance of student from teacher, over the first and the last steps."""

    weights: Path
    first_loss: float
    last_loss: float


@dataclass(frozen=True, slots=True)
class Branch:
    """One half of guidance: what frames are conditioned on, and the past that goes with it."""

    condition: Float[Tensor, "batch frames width"]
    past: Past


def distil(teacher_weights: Path, run: MotionTraining, corpus: Path, out: Path) -> Distilled:
    """Distil a trained network, and write the student's averaged weights to `out`.

    Raises:
        ValueError: The weights are no motion network of this version, or the corpus is empty.
    """
    seed_all(run.seed)
    teacher = load_net(teacher_weights).requires_grad_(False).eval()
    student, ema = deepcopy(teacher).requires_grad_(True), deepcopy(teacher)
    drop = run.drop.model_copy(update={"sound": 0.0})
    clips = Clips(
        load_conversations(corpus / "packed" / "train"), teacher.shape, run.clip_frames, drop, run.seed + 2
    )
    config = run.distil
    optimiser = torch.optim.AdamW(student.parameters(), config.learning_rate, (0.9, 0.98), weight_decay=0.0)
    warmup_steps = min(20, config.steps)
    losses: list[float] = []
    for step in track(range(config.steps), "Distilling"):
        optimiser.param_groups[0]["lr"] = config.learning_rate * pace(step, config.steps, warmup_steps)
        loss = _loss(student, teacher, clips.draw(run.batch), run)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        average(ema, student, ema_share(step, run.ema))
        losses.append(float(loss.detach()))
    save_net(ema, out / WEIGHTS)
    few = min(_REPORTED, len(losses))
    return Distilled(out / WEIGHTS, sum(losses[:few]) / few, sum(losses[-few:]) / few)


def _loss(student: MotionNet, teacher: MotionNet, batch: Batch, run: MotionTraining) -> Tensor:
    x = teacher.normalise(batch.motion)
    seen, mouth_t, rest_t = noised_past(x, teacher.mouth, run.drop)
    visited = torch.from_numpy(times(run.distil.student_steps)[:-1]).float()
    t = visited[torch.randint(len(visited), x.shape[:2])]
    noisy = noised(x, t[..., None])
    with torch.no_grad():
        branches = [
            _branch(teacher, deaf, seen, mouth_t, rest_t)
            for deaf in (batch.heard, _withheld(batch.heard))[: 1 if run.distil.guidance == 1.0 else 2]
        ]
        target = solve(teacher, noisy, t, branches, run.distil)
    own = _branch(student, batch.heard, seen, mouth_t, rest_t)
    error = (student(noisy, t, own.condition, own.past) - target) ** 2
    mouth, eyes = error[..., student.mouth].mean(), error[..., student.eyes].mean()
    rest = (steady(student, rest_t) * error)[..., student.rest].mean()
    return run.loss.mouth * mouth + run.loss.eyes * eyes + run.loss.rest * rest


def solve(
    teacher: MotionNet,
    x: Float[Tensor, "batch frames motion"],
    t: Float[Tensor, "batch frames"],
    branches: list[Branch],
    config: DistilConfig,
) -> Float[Tensor, "batch frames motion"]:
    """Follow the guided teacher from each frame's own time to 0 by DDIM; returns where it arrives."""
    x0_hat = x
    for step in range(config.teacher_steps):
        now, then = (t * (1.0 - k / config.teacher_steps) for k in (step, step + 1))
        parts = [teacher(x, now, branch.condition, branch.past) for branch in branches]
        x0_hat = parts[0] if len(parts) == 1 else parts[1] + config.guidance * (parts[0] - parts[1])
        half_now, half_then = (0.5 * torch.pi * moment[..., None] for moment in (now, then))
        noise = (x - half_now.cos() * x0_hat) / half_now.sin()
        x = half_then.cos() * x0_hat + half_then.sin() * noise
    return x0_hat


def _branch(net: MotionNet, heard: Heard, seen: Tensor, mouth_t: Tensor, rest_t: Tensor) -> Branch:
    condition = net.condition(heard, net.hear(heard))
    return Branch(condition, net.past(seen, mouth_t, rest_t, condition))


def _withheld(heard: Heard) -> Heard:
    return Heard(
        heard.mel, heard.phones, heard.ahead, heard.presence, heard.style, torch.ones_like(heard.deaf)
    )
