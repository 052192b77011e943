"""`DiffusionMotion`: the learned motion stage. Sound in, a person moving out, one frame after the other.

Each frame is denoised from noise of its own under everything known at its time: sound around it, phones where
the text is known, who has the floor, the person's style, and the keys and values of the frames before it.
Frames are made one by one whatever the chunk, so chunks cannot change what is made.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from models.audio import COLUMNS_PER_FRAME, MelState, init_mel, log_mel, step_mel
from models.motion.chance import Stream, chance
from models.motion.diffusion.network import Cache, MotionNetwork
from models.motion.diffusion.samplers import SAMPLERS, Motion
from models.motion.diffusion.schedule import alpha_sigma
from models.motion.diffusion.shape import LIDS, MOUTH, PRESENCES, TRUNK
from models.motion.diffusion.smoothing import Trail, smooth
from models.motion.frame import EXPRESSIONS, FPS, MotionFrame
from models.motion.phones import phone_columns
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk
from models.motion.style import Style
from models.speech.gate import GateState, SpeechGate
from models.speech.scorer import SpeechScorer

BUNDLED: Final = Path(__file__).parent / "motion.safetensors"
"""The weights that come along; docs/motion.md says what they were made from."""
_DRAWS: Final = 64
"""Noises kept apart for each frame: number 0 and up are the sampler's, the last is the past's."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How each frame is drawn. The defaults are those the bundled weights do best with (docs/motion.md)."""

    sampler: str = "consistency"
    steps: int = 2
    guidance: float = 1.75
    """Weight w of classifier-free guidance, d + w·(c - d) of deaf and hearing prediction; 1 is none."""
    mouth_t: float = 0.8
    rest_t: float = 0.04
    """Diffusion times the past is noised to, so that errors do not live on: mouth and jaw, and all else. With
    half as much, lids that hang half shut take it for their way and go on hanging."""
    mouth_noise: float = 0.25
    """Share of the noise that mouth and jaw begin from: lips follow the sound, and not their own mind."""
    lids_noise: float = 0.95
    """Share of the noise that lids begin from: how often they blink."""
    lookahead_frames: int = 5
    """Frames of sound after the one in the making that may be heard, as far as they are known."""
    late_columns: int = 2
    """Columns (10 ms) by which phones, and the sound that is theirs, are told later than they sound, as far
    as sound to come is known. The bundled weights learned from lips that lead by 50 ms, and people's lead by
    20 to 30. Lips that tell phones from sound are late enough (docs/decisions/024-films-out-of-step.md)."""
    lips_before: float = 0.4
    body_follow: float = 0.45
    """Smoothing of what is shown, see `smoothing.smooth`; 0 and 1 are none."""
    head_reach: float = 1.4
    """How much farther trunk and head move than drawn: few steps draw them calmer than people are."""

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"no sampler {self.sampler!r}; there are: {', '.join(SAMPLERS)}")
        if self.late_columns < 0:
            raise ValueError(f"late_columns {self.late_columns} is below 0")
        if not 1 <= self.steps < _DRAWS - 1:
            raise ValueError(f"{self.steps} steps are not between 1 and {_DRAWS - 2}")
        if not (0.0 <= self.lips_before < 1.0 and 0.0 < self.body_follow <= 1.0):
            raise ValueError(
                f"lips_before {self.lips_before} is not in 0..1, or body_follow {self.body_follow} not over 0"
            )


@dataclass(frozen=True, slots=True)
class DiffusionState:
    """Everything that one session's motion remembers. Never changed in place."""

    seed: int
    style: Float32[np.ndarray, "style"]
    mel: MelState
    columns: Float32[np.ndarray, "past features"]
    """What the last columns of sound bring to the frames that hear them."""
    cache: Cache
    gate: GateState[Any] | None = None
    """What was heard of the speech that goes on; None without a scorer."""
    trail: Trail = field(default_factory=Trail.none)
    """What smoothing remembers."""
    frame: int = 0


class DiffusionMotion:
    """A `MotionStage` of weights. Holds nothing else; one instance serves every session.

    Args:
        weights: A safetensors file written by `visavis train motion`.
        sampling: How frames are drawn.
        scorer: Tells speech from other sounds: where only the sound is known, what is none is heard as
            silence. None believes every sound.

    Raises:
        ValueError: The file holds no motion network of this version.
    """

    def __init__(
        self,
        weights: Path = BUNDLED,
        sampling: Sampling | None = None,
        scorer: SpeechScorer[Any] | None = None,
    ) -> None:
        self._network = MotionNetwork.load(weights)
        self._sampling = sampling or Sampling()
        self._rows = 1 if self._sampling.guidance == 1.0 else 2
        self._past_columns = COLUMNS_PER_FRAME * self._network.shape.past_frames
        self._late_columns = min(
            self._sampling.late_columns, COLUMNS_PER_FRAME * self._sampling.lookahead_frames
        )
        past_t = np.full(self._network.shape.motion_size, self._sampling.rest_t)
        past_t[list(MOUTH)] = self._sampling.mouth_t
        self._kept, self._blurred = np.vectorize(alpha_sigma)(past_t)
        reach = min(self._sampling.lookahead_frames, self._network.shape.ahead_frames)
        self._scale = self._network.motion_scale.copy()
        self._scale[list(TRUNK)] *= self._sampling.head_reach
        self._gate = None if scorer is None else SpeechGate(scorer, self._network.shape.past_frames, reach)
        self._silence = self._network.hear_columns(log_mel(np.zeros(SAMPLES_PER_FRAME, np.float32)))[:1]

    def init_state(self, seed: int) -> DiffusionState:
        """Draw a person from `seed`, who has heard silence and done nothing yet."""
        return DiffusionState(
            seed=seed,
            style=Style.draw(seed).vector(),
            mel=init_mel(),
            columns=np.repeat(self._silence, self._late_columns + self._past_columns, axis=0),
            cache=self._network.init_cache(self._rows),
            gate=None if self._gate is None else self._gate.init_state(),
        )

    def step(self, chunk: SpeechChunk, state: DiffusionState) -> tuple[list[MotionFrame], DiffusionState]:
        """Return `chunk.frames` frames and the state after them. Chunked equals whole.

        Raises:
            ValueError: The sound is no whole number of frames.
        """
        if len(chunk.pcm) % SAMPLES_PER_FRAME:
            raise ValueError(
                f"{len(chunk.pcm)} samples are no whole number of {SAMPLES_PER_FRAME}-sample frames"
            )
        columns, mel = self._hear(chunk, state)
        shares, gate = self._shares(chunk, state)
        cache, trail, frames = state.cache.copy(), state.trail, []
        first, heard = self._late_columns - self._late(chunk), self._heard_columns(chunk)
        for i in range(chunk.frames):
            window = columns[first + COLUMNS_PER_FRAME * i :][:heard]
            if shares is not None:
                share = np.repeat(shares[i], COLUMNS_PER_FRAME)[: len(window), None]
                window = self._silence + share * (window - self._silence)
            condition = self._network.condition(
                window, self._phones(chunk, i), PRESENCES.index(chunk.presence), state.style, self._rows
            )
            x0 = self._draw(condition, cache, state.seed, state.frame + i)
            seen = self._kept * x0 + self._blurred * _noise(state.seed, state.frame + i, _DRAWS - 1)
            cache = self._network.remember(
                seen.astype(np.float32), self._sampling.mouth_t, self._sampling.rest_t, condition, cache
            )
            shown, trail = smooth(x0, trail, self._sampling.lips_before, self._sampling.body_follow)
            frames.append(self._frame(shown))
        begin = COLUMNS_PER_FRAME * chunk.frames
        after = replace(
            state, mel=mel, cache=cache, gate=gate, trail=trail, frame=state.frame + chunk.frames,
            columns=columns[begin : begin + len(state.columns)].copy(),
        )  # fmt: skip
        return frames, after

    def _hear(
        self, chunk: SpeechChunk, state: DiffusionState
    ) -> tuple[Float32[np.ndarray, "columns features"], MelState]:
        """Return the columns from the past up to all that is known, and the ear's state after the chunk."""
        now, mel = step_mel(chunk.pcm, state.mel)
        known = len(chunk.ahead) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
        later, _ = step_mel(chunk.ahead[:known], mel)
        heard = self._network.hear_columns(np.concatenate([now, later]))
        return np.concatenate([state.columns, heard]), mel

    def _shares(
        self, chunk: SpeechChunk, state: DiffusionState
    ) -> tuple[Float32[np.ndarray, "frames around"] | None, GateState[Any] | None]:
        """Return how much of the sound around each frame is speech; None where that is not asked.

        Known phones are speech, and while another speaks no lips move: then the gate begins anew.
        """
        if self._gate is None or state.gate is None:
            return None, None
        if chunk.presence is not Presence.SPEAKING or chunk.phones is not None:
            return None, self._gate.init_state()
        return self._gate.step(chunk.pcm, chunk.ahead, state.gate)

    def _heard_columns(self, chunk: SpeechChunk) -> int:
        """Return how many columns a frame may hear. Only who speaks knows what will sound."""
        later = self._sampling.lookahead_frames if chunk.presence is Presence.SPEAKING else 0
        shape = self._network.shape
        return self._past_columns + COLUMNS_PER_FRAME * (1 + min(later, shape.ahead_frames))

    def _late(self, chunk: SpeechChunk) -> int:
        """Return the columns by which the chunk is heard late."""
        return self._late_columns if chunk.phones is not None else 0

    def _phones(self, chunk: SpeechChunk, frame: int) -> UInt8[np.ndarray, "window"]:
        """Return the phones around a frame of the chunk; zeros where they are not known."""
        columns = self._network.shape.window_columns
        if chunk.phones is None or not chunk.segment:
            return np.zeros(columns, np.uint8)
        now = COLUMNS_PER_FRAME * (round(chunk.segment_s * FPS) + frame) - self._late(chunk)
        return phone_columns(chunk.phones, now - self._past_columns, columns)

    def _draw(
        self, condition: Float32[np.ndarray, "rows width"], cache: Cache, seed: int, frame: int
    ) -> Motion:
        """Sample one frame, in units of the data's deviation."""
        sampling = self._sampling
        begun = self._network.begin(sampling.mouth_t, sampling.rest_t, condition, cache)

        def denoise(x: Motion, t: float) -> Motion:
            x0_hat = self._network.denoise(x, t, begun, cache)
            return x0_hat[0] if self._rows == 1 else guided(x0_hat[0], x0_hat[1], sampling.guidance)

        def noise(draw: int) -> Motion:
            drawn = _noise(seed, frame, draw)
            drawn[list(MOUTH)] *= sampling.mouth_noise
            drawn[list(LIDS)] *= sampling.lids_noise
            return drawn

        return SAMPLERS[sampling.sampler](denoise, noise, sampling.steps)

    def _frame(self, x0: Motion) -> MotionFrame:
        vector = self._network.motion_mean + self._scale * x0
        faces = len(EXPRESSIONS)
        vector[:faces] = np.clip(vector[:faces], 0.0, 1.0)
        return MotionFrame.from_vector(np.asarray(vector, np.float32))


def guided(hearing: Motion, deaf: Motion, weight: float) -> Motion:
    """Return a prediction with mouth and jaw pushed away from what they would do without sound.

    Classifier-free guidance (Ho & Salimans 2022), of that alone which sound decides: it would make the rest
    nod and blink too much.
    """
    pushed = hearing.copy()
    mouth = list(MOUTH)
    pushed[mouth] = deaf[mouth] + weight * (hearing[mouth] - deaf[mouth])
    return pushed


def _noise(seed: int, frame: int, draw: int) -> Motion:
    random = chance(seed, Stream.DIFFUSION, frame * _DRAWS + draw)
    return np.asarray(random.standard_normal(MotionFrame.rest().vector().size), np.float32)
