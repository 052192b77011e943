"""`VideoTraining`: every number of a training run, with its unit. One YAML file in `configs/video` each."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.strict import Fraction, Positive, Strict
from models.video.full.net import Stage
from models.video.full.spec import FullSpec


class StageConfig(Strict):
    """One stage of the schedule."""

    stage: Stage
    """What learns: image, control, temporal, or joint for the last two together."""
    steps: Positive
    batch: Positive
    """Clips in a batch."""
    frames: Positive = 1
    """Length of the clips. Single ones for image and control, so that batches can be large."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 5e-5
    warmup_steps: Positive = 1000


class DropConfig(Strict):
    """What is withheld from some clips."""

    all: Fraction = 0.1
    """Every plane and the reference: the half of guidance that is told nothing."""
    reference: Fraction = 0.05
    """The reference."""
    warp: Fraction = 0.05
    """Cʷ and its visibility."""


class LossConfig(Strict):
    """How errors count."""

    weighting: Literal["none", "velocity"] = "none"
    """none: squared error of what the network predicts; velocity: of v, whatever it predicts."""
    most: Annotated[float, Field(gt=0.0)] = 10.0
    """Largest weight: velocity would let nearly clean pictures count without bound."""
    given: Fraction = 0.5
    """Share of clips whose first frames are given, as in outpainting, in stages that see clips."""
    low_most_t: Fraction = 0.5
    """Diffusion times of the smaller clip are drawn up to here."""


class DistilConfig(Strict):
    """How a trained model is poured into few steps."""

    phases: tuple[Positive, ...] = (2, 1)
    """Steps the student takes, phase by phase; each begins with the student of the one before."""
    steps: Positive = 10_000
    """Training steps of each phase."""
    batch: Positive = 16
    frames: Positive = 16
    teacher_steps: Positive = 64
    """Steps of DDIM the way from noise to picture is cut into for the teacher."""
    guidance: Annotated[float, Field(ge=0.0)] = 1.5
    """Classifier-free guidance that is baked in; 1 is none."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-5
    warmup_steps: Positive = 200


class VideoTraining(Strict):
    """One run. `configs/video/*.yaml` are such runs."""

    model: FullSpec = FullSpec()
    stages: tuple[StageConfig, ...]
    drop: DropConfig = DropConfig()
    loss: LossConfig = LossConfig()
    distil: DistilConfig = DistilConfig()
    data: Literal["packed", "shapes"] = "packed"
    """packed: a folder of videos; shapes: moving figures, drawn on the spot."""
    far_frames: Annotated[int, Field(ge=0)] = 50
    """Least distance in time between a clip and its reference."""
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9999
    precision: Literal["no", "bf16"] = "bf16"
    seed: int = 0
    readers: Annotated[int, Field(ge=0)] = 0
    """Processes that read clips; 0 reads between the steps."""
    report_every: Positive = 100
    save_every: Positive = 1000
    held_out_clips: Positive = 8
    """Clips that the loss is measured on, and that the sample sheet shows."""

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[int, int]:
        """Return which stage a step belongs to, and how many steps of it were done before."""
        for number, stage in enumerate(self.stages):
            if step < stage.steps:
                return number, step
            step -= stage.steps
        return len(self.stages) - 1, self.stages[-1].steps

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if not self.stages:
            raise ValueError("stages: there must be one")
        if self.model.latent and any(stage.stage == "image" for stage in self.stages):
            raise ValueError("stages: Stable Diffusion comes trained; leave the image stage out")
        return self
