"""The training loop: `visavis train video --config configs/video/full-base.yaml VIDEOS --out OUT`."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import Accelerator

from models.video.full.build import VideoModel, load_image_weights, load_weights
from training.common.loop import add_scalars, average, ema_share, save_state, seed_all, shown_steps
from training.video.clips import Clips, PackedClips, ShapeClips
from training.video.full.batch import Batch, batches
from training.video.full.config import StageConfig, VideoTraining
from training.video.full.learner import Learner
from training.video.full.loss import video_loss
from training.video.full.samples import draw_batch, psnr_db, save_sheet

WEIGHTS, RAW, STATE = "full.safetensors", "raw.safetensors", "state.pt"
SCALARS, SAMPLES = "scalars.jsonl", "samples.png"
TRAIN, HELD_OUT = "train", "held-out"
HELD_OUT_SEED: Final = 1_000_000
"""Far from the seed of training, as figures that are drawn on the spot are told apart by it alone."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Where a run ended: the averaged network's loss on held-out clips, before and after the last stage."""

    weights: Path
    steps: int
    first_loss: float
    last_loss: float


def open_clips(run: VideoTraining, folder: Path | None, part: str, frames: int) -> Clips:
    """Open the clips of a run.

    Args:
        run: says which.
        folder: with `train` and `held-out`; needed unless the run draws shapes.
        part: `TRAIN` or `HELD_OUT`.
        frames: length of the clips.

    Raises:
        ValueError: The folder is not given, or holds no video of that length.
    """
    spec, seed = run.model, run.seed + (HELD_OUT_SEED if part == HELD_OUT else 0)
    if run.data == "shapes":
        return ShapeClips(spec.layout, spec.side, frames, seed)
    if folder is None:
        raise ValueError("this run needs a folder of packed videos; docs/video-full.md says how to make one")
    return PackedClips(folder / part, spec.layout, spec.side, frames, run.far_frames, seed)


class Trainer:
    """One run: network, its average, and where they are kept.

    Args:
        run: every number of it.
        folder: packed videos, in `train` and `held-out`; none for a run on shapes.
        out: folder for weights, scalars and what resuming needs. A run that lies there goes on.
        start: weights to begin with, instead of chance.
        image: weights whose image model alone is begun with.
    """

    def __init__(
        self,
        run: VideoTraining,
        folder: Path | None,
        out: Path,
        start: Path | None = None,
        *,
        image: Path | None = None,
    ) -> None:
        seed_all(run.seed)
        self.run, self.out, self._folder = run, out, folder
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=run.precision)
        self.model = VideoModel.new(run.model)
        if start is not None:
            load_weights(self.model.net, start, base_elsewhere=run.model.latent)
        if image is not None:
            load_image_weights(self.model.net, image)
        self.model.to(self._accelerator.device)
        self.ema = replace(self.model, net=deepcopy(self.model.net).requires_grad_(False).eval())
        self.step = 0
        self._resumed = self._resume()

    def train(self) -> Trained:
        """Run to the last step, saving on the way."""
        first = last = float("nan")
        while self.step < self.run.steps:
            number, done = self.run.stage_at(self.step)
            if done == 0:
                self._hand_over(self.run.stages[number])
            first, last = self._run_stage(number, done)
        return Trained(self.out / WEIGHTS, self.step, first, last)

    def _hand_over(self, stage: StageConfig) -> None:
        """Begin a stage with the averaged weights of the one before: they are what is frozen."""
        self.model.net.load_state_dict(self.ema.net.state_dict())
        if stage.stage in ("control", "joint"):
            self.model.net.begin_control()
            self.ema.net.load_state_dict(self.model.net.state_dict())

    def _run_stage(self, number: int, done: int) -> tuple[float, float]:
        """Run a stage from a step to its end; return the loss on held-out clips before and after."""
        run, stage = self.run, self.run.stages[number]
        learner = Learner(self.model, run, stage, self._accelerator)
        if done:
            learner.resume(self._resumed)
        held_out = self._held_out(stage)
        first = last = self.held_out_loss(held_out, stage)
        if not done:
            self._report({"step": self.step, "stage": number, "held_out": first})
        source = self._batches(stage, done)
        for past in shown_steps(done, stage.steps, stage.stage):
            loss = learner.advance(next(source), self.step)
            self.step += 1
            average(self.ema.net, self.model.net, ema_share(past, run.ema))
            ends = past + 1 == stage.steps
            if ends or self.step % run.report_every == 0:
                last = self.held_out_loss(held_out, stage)
                line = {"step": self.step, "stage": number, "loss": loss, "held_out": last}
                self._report({**line, "learning_rate": learner.learning_rate})
            if ends or self.step % run.save_every == 0:
                self._save(learner, held_out)
        learner.close()
        return first, last

    def held_out_loss(self, clips: Batch, stage: StageConfig) -> float:
        """Return the averaged network's loss on clips it never saw, always with the same noise."""
        random = torch.Generator().manual_seed(0)
        with torch.no_grad(), self._accelerator.autocast():
            return float(video_loss(self.ema, clips, stage.stage, self.run.loss, random))

    def _batches(self, stage: StageConfig, done: int) -> Iterator[Batch]:
        clips, here = open_clips(self.run, self._folder, TRAIN, stage.frames), self._accelerator
        return batches(
            clips, stage.batch, done, stage.steps, self.run.readers, here.process_index, here.num_processes
        )

    def _held_out(self, stage: StageConfig) -> Batch:
        clips = open_clips(self.run, self._folder, HELD_OUT, stage.frames)
        (batch,) = batches(clips, self.run.held_out_clips, 0, 1)
        return batch.to(self._accelerator.device)

    def _report(self, line: dict[str, float]) -> None:
        if self._accelerator.is_main_process:
            add_scalars(self.out / SCALARS, line)

    def _save(self, learner: Learner, held_out: Batch) -> None:
        if not self._accelerator.is_main_process:
            return
        self.ema.save(self.out / WEIGHTS)
        self.model.save(self.out / RAW)
        save_state(self.out / STATE, {"step": self.step, **learner.state()})
        told = learner.stage.stage != "image"
        with self._accelerator.autocast():
            drawn = draw_batch(self.ema, held_out, self.run.seed, told=told)
        save_sheet(self.out / SAMPLES, self.ema, held_out, drawn)
        if told:
            self._report({"step": self.step, "drawn_psnr_db": psnr_db(drawn, held_out.target)})

    def _resume(self) -> dict[str, Any]:
        if not (self.out / STATE).is_file():
            return {}
        state: dict[str, Any] = torch.load(self.out / STATE, weights_only=False)
        self.step = int(state["step"])
        for model, name in ((self.model, RAW), (self.ema, WEIGHTS)):
            load_weights(model.net, self.out / name, base_elsewhere=self.run.model.latent)
        return state
