"""Clips of packed conversations (`training.corpus.pack`) as batches of tensors, varied on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int, UInt8
from rich.progress import track
from safetensors.numpy import load_file
from torch import Tensor

from models.audio import COLUMNS_PER_FRAME, MEL_BANDS
from models.motion.diffusion.shape import PRESENCES, NetShape
from models.motion.frame import EXPRESSIONS
from models.motion.stage import Presence
from training.motion.config import DropConfig
from training.motion.network import Heard

_SPINE: Final = slice(len(EXPRESSIONS), len(EXPRESSIONS) + 12)
"""Rotations of spine, chest, neck and head."""
_POSE_RAD: Final = 0.06
"""Deviation of each joint over portraits, for the ablation that predicts poses instead of residuals."""
_SPEAKING: Final = PRESENCES.index(Presence.SPEAKING)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One packed conversation of T frames; see `training.corpus.pack`."""

    mel: Float16[np.ndarray, "takes columns 80"]
    motion: Float16[np.ndarray, "frames motion"]
    presence: UInt8[np.ndarray, "frames"]
    phones: UInt8[np.ndarray, "columns"]
    style: Float32[np.ndarray, "style"]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file."""
        data = load_file(path)
        return cls(data["mel"], data["motion"], data["presence"], data["phones"], data["style"])


def load_conversations(folder: Path, label: str = "Reading") -> list[Conversation]:
    """Read every conversation of a folder.

    Raises:
        ValueError: The folder holds none.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise ValueError(f"no packed conversation in {folder}; make them with: visavis train corpus")
    return [Conversation.load(path) for path in track(paths, label, transient=True)]


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips: the motion, and what it answers to."""

    motion: Float[Tensor, "batch frames motion"]
    heard: Heard
    spoken: Int[Tensor, "batch frames 2"]
    """Phones of each frame's first and third column, told or not; 0 where none is known."""


class Clips:
    """Draws random clips out of conversations, each with its own variation of the sound."""

    def __init__(
        self,
        conversations: list[Conversation],
        shape: NetShape,
        clip_frames: int,
        drop: DropConfig,
        seed: int,
        *,
        absolute_pose: bool = False,
    ) -> None:
        self._conversations = [c for c in conversations if len(c.motion) >= clip_frames]
        if not self._conversations:
            raise ValueError(f"no conversation is as long as a clip of {clip_frames} frames")
        self._shape, self._frames, self._drop = shape, clip_frames, drop
        self._random = np.random.default_rng(seed)
        self._absolute_pose = absolute_pose
        lengths = np.array([len(c.motion) for c in self._conversations], np.float64)
        self._shares = lengths / lengths.sum()

    @property
    def chance(self) -> Mapping[str, Any]:
        """What is drawn next: kept by a run that is to go on as if it had never stopped."""
        return self._random.bit_generator.state

    @chance.setter
    def chance(self, state: Mapping[str, Any]) -> None:
        self._random.bit_generator.state = state

    def draw(self, batch: int, *, vary: bool = True) -> Batch:
        """Return `batch` clips; without `vary` the sound is clean, whole and never withheld."""
        clips = [self._clip(vary) for _ in range(batch)]
        motion, mel, phones, presence, style = (
            torch.from_numpy(np.stack(part)) for part in zip(*clips, strict=True)
        )
        past = COLUMNS_PER_FRAME * self._shape.past_frames
        own = phones[:, past : past + COLUMNS_PER_FRAME * self._frames].unflatten(1, (self._frames, -1))
        told = torch.from_numpy(self._random.random(batch) >= self._drop.phones)
        deaf = torch.from_numpy((self._random.random(batch) < self._drop.sound) & vary)
        short = (self._random.random(batch) < self._drop.short_ahead) & vary
        reach = np.where(short, self._random.integers(0, self._shape.ahead_frames + 1, batch), 99)
        heard = Heard(
            mel,
            torch.where(told[:, None], phones, 0),
            ahead_of(presence, self._shape.ahead_frames).clamp(max=torch.from_numpy(reach)[:, None]),
            presence,
            style,
            deaf,
        )
        return Batch(motion, heard, torch.where(told[:, None, None], 0, own[..., ::2]))

    def _clip(self, vary: bool) -> tuple[np.ndarray, ...]:
        """Cut one clip: motion, mel and phones with what surrounds them, presence, style."""
        whole = self._conversations[int(self._random.choice(len(self._shares), p=self._shares))]
        first = int(self._random.integers(0, len(whole.motion) - self._frames + 1))
        frames = slice(first, first + self._frames)
        begin = COLUMNS_PER_FRAME * (first - self._shape.past_frames)
        end = COLUMNS_PER_FRAME * (frames.stop + self._shape.ahead_frames)
        take = int(self._random.integers(len(whole.mel))) if vary else 0
        mel = _cut(whole.mel[take].astype(np.float32), begin, end, edge=True)
        motion = whole.motion[frames].astype(np.float32)
        if self._absolute_pose:
            motion[:, _SPINE] += self._random.normal(0.0, _POSE_RAD, 12).astype(np.float32)
        return (
            motion,
            self._varied(mel) if vary else mel,
            _cut(whole.phones, begin, end, edge=False).astype(np.int64),
            whole.presence[frames].astype(np.int64),
            whole.style,
        )

    def _varied(self, mel: Float32[np.ndarray, "columns 80"]) -> Float32[np.ndarray, "columns 80"]:
        """Change loudness and colour, add a floor of noise, and hide a band or a moment now and then."""
        random = self._random
        bands = np.linspace(-1.0, 1.0, MEL_BANDS)
        colour = (
            random.normal(0.0, 1.2) + random.normal(0.0, 0.5) * bands + random.normal(0.0, 0.4) * bands**2
        )
        mel = mel + colour.astype(np.float32)
        if random.random() < 0.5:
            mel = np.logaddexp(mel, np.float32(random.uniform(-16.0, -9.0)))
        if random.random() < 0.3:
            low = int(random.integers(MEL_BANDS))
            mel[:, low : low + int(random.integers(1, 12))] = mel.mean()
        return mel


def ahead_of(presence: Int[Tensor, "batch frames"], longest: int) -> Int[Tensor, "batch frames"]:
    """Return how many frames after each are known: those of the same stretch of speech, up to `longest`."""
    speaking = (presence == _SPEAKING).long()
    known, run = torch.zeros_like(presence), speaking
    for step in range(1, longest + 1):
        later = torch.zeros_like(speaking)
        later[:, :-step] = speaking[:, step:]
        # What the clip does not show goes on as it ended.
        later[:, -step:] = speaking[:, -1:]
        run = run * later
        known = known + run
    return known


def _cut(columns: np.ndarray, begin: int, end: int, *, edge: bool) -> np.ndarray:
    """Return columns begin..end; what lies outside repeats the edge, or is 0."""
    inside = columns[max(0, begin) : end]
    widths = ((max(0, -begin), max(0, end - len(columns))), *((0, 0),) * (columns.ndim - 1))
    return np.pad(inside, widths, mode="edge") if edge else np.pad(inside, widths)
