"""`PictureTraining`: every number of a run, with its unit. One YAML file in `configs/pictures` each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from models.strict import Fraction, Positive, Strict, read_settings
from models.video.shape import PictureShape

Weight = Annotated[float, Field(ge=0.0)]
Stage = Literal["image", "temporal", "finish", "regressor"]


class NetConfig(Strict):
    """Sizes of the network; see `models.video.shape.PictureShape`."""

    width: Positive = 128
    deep: Positive = 256
    outer: Positive = 1
    inner: Positive = 3
    fine: Positive = 32

    def shape(self) -> PictureShape:
        """Return the sizes."""
        return PictureShape(**self.model_dump())


class NoiseConfig(Strict):
    """Which noisy pictures the network learns from."""

    from_warp: Fraction = 0.4
    """Share of samples that start from the warp, as the sampler does, instead of from the truth."""
    start: Fraction = 0.55
    """Diffusion time at which the warp is taken for the noisy picture."""
    spread: Fraction = 0.1
    """That time varies by so much to either side."""
    temperature: Fraction = 1.0
    """Strength of the noise on the warp, over what the time says."""


class LossConfig(Strict):
    """Weights of the parts of the loss."""

    square: Weight = 1.0
    relative: Weight = 0.0
    """Logarithm of each picture's squared error: a tenth less of it is worth the same in every picture, where
    the squared error itself hears the hardest alone."""
    absolute: Weight = 0.0
    mouth: Weight = 0.0
    """How much more the squared error counts at the mouth."""
    edges: Weight = 0.0
    """Absolute error of differences between neighbours: pictures are to be as sharp as photographs. At the
    beginning of a run it keeps the network from daring anything."""
    texture: Weight = 0.0
    """Difference of the strength of grey structure, in patches, whatever its place in them: the squared error
    alone is least for a mean, which is smooth."""
    perceptual: Weight = 0.0
    """LPIPS (AlexNet), for which `--perceptual` names the weights."""
    adversarial: Weight = 0.0
    flicker: Weight = 0.0
    """Squared error of what changes from frame to frame; clips only."""
    mirror: Weight = 0.0
    """Squared difference of a picture and its mirror image's: a left cheek is completed as a right one. With
    it a batch is half as many pictures, and their mirror images."""


class StageConfig(Strict):
    """One stretch of training; a run goes through them in order."""

    stage: Stage
    steps: Positive
    batch: Positive = 16
    """Frames; clips hold four of them."""
    crop_px: Positive = 128
    """Side of the part of the window that is trained on, a multiple of 16."""
    blurred: Fraction = 0.25
    """Share of samples made as coarse as a bad camera's."""
    photographs: Fraction = 0.7
    """Share of samples whose truth is a photograph, still in clips; others have its own warp for truth."""
    strangers: Fraction = 0.0
    """Share of samples made somebody else: bent, tinted, in another light."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 6e-4
    noise: NoiseConfig = NoiseConfig()
    loss: LossConfig = LossConfig()


class PictureTraining(Strict):
    """One run. `configs/pictures/*.yaml` are such runs."""

    net: NetConfig = NetConfig()
    stages: tuple[StageConfig, ...]
    warmup_steps: Positive = 200
    ema: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.999
    precision: Literal["no", "bf16"] = "bf16"
    seed: int = 0
    report_every: Positive = 200
    save_every: Positive = 1000


def load_training(path: Path) -> PictureTraining:
    """Read a run from YAML.

    Raises:
        ValueError: a key is unknown or a value out of range; the message names it.
    """
    return read_settings(PictureTraining, path)
