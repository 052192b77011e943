"""The training loop: `visavis train motion --config configs/motion/base.yaml CORPUS OUT`."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import LambdaLR

from models.motion.diffusion.network import MotionNetwork
from models.motion.diffusion.stage import Sampling
from training.common.loop import add_scalars, average, ema_share, pace, save_state, seed_all, shown_steps
from training.motion.checkpoint import load_net, save_net
from training.motion.config import MotionTraining
from training.motion.data import Batch, Clips, load_conversations
from training.motion.loss import Losses, motion_loss
from training.motion.network import MotionNet
from training.motion.samples import save_samples
from training.motion.statistics import measure, steadiness

WEIGHTS, RAW, STATE = "motion.safetensors", "raw.safetensors", "state.pt"
SCALARS, SAMPLES = "scalars.jsonl", "samples.png"


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a run ended: the averaged loss over held-out clips, first and last."""

    weights: Path
    steps: int
    first_loss: float
    last_loss: float


class Trainer:
    """One run: network, its average, optimiser, and where they are kept.

    Args:
        run: Every number of it.
        corpus: Folder with `packed/train` and `packed/val`.
        out: Folder for weights, scalars and what resuming needs. A run that lies there goes on.
        start: Weights to begin with, instead of chance; what they lack begins as it would anyway.
    """

    def __init__(self, run: MotionTraining, corpus: Path, out: Path, start: Path | None = None) -> None:
        seed_all(run.seed)
        self.run, self.out = run, out
        train = load_conversations(corpus / "packed" / "train", "Reading the corpus")
        held_out = load_conversations(corpus / "packed" / "val", "Reading held-out voices")
        shape = run.net.shape()
        self.net = MotionNet(shape) if start is None else load_net(start)
        if start is None:
            measure(self.net, train)
        else:
            self.net.steadiness.copy_(torch.from_numpy(steadiness(train)))
        self.ema = deepcopy(self.net).requires_grad_(False)
        self._clips = Clips(
            train, shape, run.clip_frames, run.drop, run.seed, absolute_pose=run.absolute_pose
        )
        self._shown = held_out[0]
        self._check = Clips(held_out, shape, run.clip_frames, run.drop, run.seed + 1).draw(64)
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=run.precision)
        optimiser = torch.optim.AdamW(
            self.net.parameters(), run.learning_rate, (0.9, 0.98), weight_decay=0.01
        )
        self._net, self._optimiser = self._accelerator.prepare(self.net, optimiser)
        self._schedule = LambdaLR(self._optimiser, lambda step: pace(step, run.steps, run.warmup_steps))
        self.step = 0
        self._resume()

    def train(self, until_step: int | None = None) -> Trained:
        """Run to the last step, saving on the way; `until_step` stops early, as an interruption does."""
        first = last = self.held_out_loss()
        for _ in shown_steps(self.step, self.run.steps if until_step is None else until_step):
            losses = self._advance(self._clips.draw(self.run.batch))
            if self.step % self.run.report_every == 0 or self.step == self.run.steps:
                last = self.held_out_loss()
                self._report(losses, last)
            if self.step % self.run.save_every == 0 or self.step == self.run.steps:
                self._save()
        return Trained(self.out / WEIGHTS, self.step, first, last)

    def held_out_loss(self) -> float:
        """Return the averaged network's loss on voices it never heard, always with the same noise."""
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            losses = motion_loss(self.ema, self._check, self.run.loss, self.run.drop)
        return float(losses.mouth + losses.eyes + losses.rest)

    def _advance(self, batch: Batch) -> Losses:
        with self._accelerator.autocast():
            losses = motion_loss(self._net, batch, self.run.loss, self.run.drop)
        self._optimiser.zero_grad(set_to_none=True)
        self._accelerator.backward(losses.total)
        self._accelerator.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optimiser.step()
        self._schedule.step()
        self.step += 1
        average(self.ema, self.net, ema_share(self.step, self.run.ema))
        return losses

    def _report(self, losses: Losses, held_out: float) -> None:
        line: dict[str, Any] = {"step": self.step, "held_out": held_out}
        line |= {
            name: float(getattr(losses, name).detach())
            for name in ("mouth", "eyes", "rest", "temporal", "phones")
        }
        line["learning_rate"] = self._schedule.get_last_lr()[0]
        add_scalars(self.out / SCALARS, line)

    def _save(self) -> None:
        save_net(self.ema, self.out / WEIGHTS, whole=True)
        save_net(self.net, self.out / RAW, whole=True)
        state = {
            "step": self.step,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "clips": self._clips.chance,
            "noise": torch.get_rng_state(),
        }
        save_state(self.out / STATE, state)
        network = MotionNetwork.load(self.out / WEIGHTS)
        save_samples(self.out / SAMPLES, network, self._shown, Sampling("ddim", steps=4))

    def _resume(self) -> None:
        if not (self.out / STATE).is_file():
            return
        state = torch.load(self.out / STATE, weights_only=False)
        self.step = int(state["step"])
        self.net.load_state_dict(load_net(self.out / RAW).state_dict())
        self.ema.load_state_dict(load_net(self.out / WEIGHTS).state_dict())
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._clips.chance = state["clips"]
        torch.set_rng_state(state["noise"])
