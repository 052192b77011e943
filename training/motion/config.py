"""`MotionTraining`: every number of a training run, with its unit. One YAML file in `configs/motion` each."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from models.motion.diffusion.shape import NetShape
from models.strict import Fraction, Positive, Strict, read_settings


class NetConfig(Strict):
    """Sizes of the network; see `models.motion.diffusion.shape.NetShape`."""

    width: Positive = 256
    layers: Positive = 4
    heads: Positive = 4
    window_frames: Positive = 75
    past_frames: Annotated[int, Field(ge=0)] = 3
    ahead_frames: Annotated[int, Field(ge=0)] = 5
    column_size: Positive = 64
    hidden: Positive = 384

    def shape(self) -> NetShape:
        """Return the sizes with those that the data gives."""
        return NetShape(**self.model_dump())


class LossConfig(Strict):
    """Weights of the parts of the loss."""

    mouth: Annotated[float, Field(gt=0.0)] = 2.0
    """Squared error of mouth and jaw, against that of the rest."""
    eyes: Annotated[float, Field(gt=0.0)] = 1.0
    """The same of lids and gaze: ten channels against sixty, or blinks would not count."""
    rest: Annotated[float, Field(gt=0.0)] = 0.1
    """The same of all else, in units of what is foreseeable; see `training.motion.loss.steady`."""
    temporal_expression: Annotated[float, Field(ge=0.0)] = 0.02
    temporal_body: Annotated[float, Field(ge=0.0)] = 0.2
    """λᵉ and λᵇ of the paper's temporal loss: the body is to move smoother than the face."""
    phones: Annotated[float, Field(ge=0.0)] = 0.1
    """Cross-entropy of the phone heard, which teaches the audio MLP to tell sounds apart."""
    draws: Positive = 2
    """Draws of noise for each clip: the past is encoded once for all of them."""


class DropConfig(Strict):
    """What is withheld from some clips, so that the network can do without."""

    sound: Fraction = 0.1
    """Sound and phones: the unconditional half of classifier-free guidance."""
    phones: Fraction = 0.6
    """Phones: most clips have sound alone, as a microphone does."""
    mouth_past: Fraction = 0.3
    """The past of the mouth, wholly: lips must not live by going on as before."""
    short_ahead: Fraction = 0.4
    """Clips whose lookahead is drawn from 0 to `ahead_frames`; the others have all of it."""


class DistilConfig(Strict):
    """How the teacher is poured into few steps."""

    steps: Positive = 400
    learning_rate: Annotated[float, Field(gt=0.0)] = 3e-4
    teacher_steps: Positive = 6
    """Steps of DDIM the teacher takes to show where a noisy frame leads."""
    student_steps: Positive = 2
    """Steps the student's sampler will take."""
    guidance: Annotated[float, Field(ge=1.0)] = 1.5
    """Classifier-free guidance that is baked in; 1 is none."""


class MotionTraining(Strict):
    """One run. `configs/motion/*.yaml` are such runs."""

    net: NetConfig = NetConfig()
    loss: LossConfig = LossConfig()
    drop: DropConfig = DropConfig()
    distil: DistilConfig = DistilConfig()
    absolute_pose: bool = False
    """Ablation: predict the pose of a random portrait instead of the residual on it (paper, table 2)."""
    clip_frames: Positive = 128
    batch: Positive = 32
    steps: Positive = 20_000
    learning_rate: Annotated[float, Field(gt=0.0)] = 8e-4
    warmup_steps: Positive = 200
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.999
    precision: Annotated[str, Field(pattern="^(no|bf16)$")] = "bf16"
    seed: int = 0
    report_every: Positive = 100
    save_every: Positive = 1000


def load_training(path: Path) -> MotionTraining:
    """Read a run from YAML.

    Raises:
        ValueError: A key is unknown or a value out of range; the message names it.
    """
    return read_settings(MotionTraining, path)
