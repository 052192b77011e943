"""The ablations of the paper's tables 2 and 3 that concern video: `visavis train ablate-video`.

One run is trained once for every set of controls, all on the same image model; the full one is then drawn
with windows of different overlap. What was trained already is not trained again.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32

from models.strict import Positive, Strict
from models.video.full.build import VideoModel
from models.video.full.spec import Window
from models.video.full.window import Outpainter
from models.video.planes import Planes
from training.video.full.batch import Batch, batches
from training.video.full.config import StageConfig, VideoTraining
from training.video.full.figures import Figures, mean_of, measure
from training.video.full.train import HELD_OUT, WEIGHTS, Trainer, open_clips

RESULTS: Final = "ablation.json"


class ControlVariant(Strict):
    """One row of table 3."""

    name: str
    planes: tuple[str, ...]
    two_stages: bool
    """Control on single frames, then time on clips; else both at once on clips, for as many steps."""


class WindowVariant(Strict):
    """One row of the lower part of table 2."""

    name: str
    window: Window


class Ablation(Strict):
    """`configs/video/ablation.yaml`."""

    run: VideoTraining
    """An image, a control and a temporal stage."""
    controls: tuple[ControlVariant, ...]
    """The last one is the full model, and is the one that is drawn with other windows."""
    windows: tuple[WindowVariant, ...]
    videos: Positive = 8
    """Held-out videos that are reenacted."""
    video_frames: Positive = 32
    """Length of each."""


def ablate(ablation: Ablation, folder: Path | None, out: Path) -> Iterator[tuple[str, Figures]]:
    """Train and measure every variant; yields a row at a time, and writes all to `ablation.json`.

    Raises:
        ValueError: There are no videos of that length.
    """
    run, rows = ablation.run, {}
    image = _train(run, run.stages[:1], folder, out / "image", None)
    truth = _truth(ablation, folder, run.model.layout.names)
    for variant in ablation.controls:
        planned = run.model_copy(update={"model": run.model.model_copy(update={"planes": variant.planes})})
        weights = _train(planned, _stages(run, variant), folder, out / variant.name, image)
        figures = _reenact(VideoModel.load(weights), ablation, folder, truth)
        rows[variant.name] = figures.as_dict()
        yield variant.name, figures
    for window in ablation.windows:
        model = VideoModel.load(weights)
        model = replace(model, spec=model.spec.model_copy(update={"window": window.window}))
        figures = _reenact(model, ablation, folder, truth)
        rows[window.name] = figures.as_dict()
        yield window.name, figures
    (out / RESULTS).write_text(json.dumps(rows, indent=2), "utf-8")


def _stages(run: VideoTraining, variant: ControlVariant) -> tuple[StageConfig, ...]:
    _, control, temporal = run.stages
    if variant.two_stages:
        return control, temporal
    joint = {
        "stage": "joint",
        "steps": control.steps + temporal.steps,
        "learning_rate": control.learning_rate,
    }
    return (temporal.model_copy(update=joint),)


def _train(
    run: VideoTraining, stages: tuple[StageConfig, ...], folder: Path | None, out: Path, image: Path | None
) -> Path:
    Trainer(run.model_copy(update={"stages": stages}), folder, out, image=image).train()
    return out / WEIGHTS


def _truth(ablation: Ablation, folder: Path | None, names: tuple[str, ...]) -> Batch:
    """Return the held-out videos with their classes, which not every variant is told."""
    return _videos(ablation, folder, ("semantic", *(name for name in names if name != "semantic")))


def _videos(ablation: Ablation, folder: Path | None, names: tuple[str, ...]) -> Batch:
    spec = ablation.run.model.model_copy(update={"planes": names})
    run = ablation.run.model_copy(update={"model": spec})
    clips = open_clips(run, folder, HELD_OUT, ablation.video_frames)
    (batch,) = batches(clips, ablation.videos, 0, 1)
    return batch


def _reenact(model: VideoModel, ablation: Ablation, folder: Path | None, truth: Batch) -> Figures:
    told = _videos(ablation, folder, model.spec.planes)
    outpainter = Outpainter([model])
    state = outpainter.init_state(ablation.run.seed, [told.reference])
    video, state = outpainter.push([told.planes], state)
    rest, _ = outpainter.flush(state)
    made: Float32[np.ndarray, "videos frames 3 side side"] = torch.cat([video, rest], dim=1).numpy()
    classes = truth.planes[:, :, Planes(("semantic",)).slices["semantic"]].numpy()
    return mean_of([measure(*parts) for parts in zip(made, truth.target.numpy(), classes, strict=True)])
