"""Which motion model moves the avatars, and how it is sampled."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.motion.cued import CuedMotion
from models.motion.diffusion.stage import BUNDLED, DiffusionMotion, DiffusionState, Sampling
from models.motion.frame import FRAME_MS
from models.speech.scorer import SileroScorer


class MotionConfig(BaseModel):
    """The learned motion. What it hears ahead is `SessionConfig.lookahead_ms`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Path | None = None
    """Weights of `visavis train motion` or `distil`; null takes those that come along."""
    sampler: Literal["consistency", "ddim", "ddpm"] = "consistency"
    """`consistency` for few steps; the others for many."""
    steps: Annotated[int, Field(ge=1, le=60)] = 2
    """Evaluations of the network for each frame."""
    guidance: Annotated[float, Field(ge=1.0, le=5.0)] = 1.5
    """Weight of classifier-free guidance; 1 is none. Others cost twice."""
    speech_only: bool = True
    """Where only the sound is known, take what is no speech for silence, so that no lips move to music."""


def open_motion(config: MotionConfig, lookahead_ms: int) -> CuedMotion[DiffusionState]:
    """Load the weights; gestures that are asked for come on top. One stage serves every session.

    Args:
        config: Which weights, and how to sample.
        lookahead_ms: How much sound after a frame it may hear, also within a chunk.

    Raises:
        ValueError: The file holds no motion network of this version.
        OSError: There is no such file.
        AssetError: The network that tells speech from music cannot be used.
    """
    sampling = Sampling(
        config.sampler, config.steps, config.guidance, lookahead_frames=lookahead_ms // FRAME_MS
    )
    scorer = SileroScorer() if config.speech_only else None
    return CuedMotion(DiffusionMotion(config.weights or BUNDLED, sampling, scorer))
