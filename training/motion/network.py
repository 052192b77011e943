"""The motion network in torch, to be trained; `models.motion.diffusion.network` runs it in numpy.

Two kinds of tokens go through the same four layers. *Past* tokens are frames as they were made, slightly
noised, and attend to the past before them: their keys and values are what a stream caches. *Noisy* tokens are
frames in the making; each attends to the past before it and to itself. So one training pass sees every frame
of a clip under exactly the condition it will be made in.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from models.audio import COLUMNS_PER_FRAME, MEL_BANDS
from models.motion.diffusion.shape import CARRY, EYES, MOUTH, NetShape

KeysValues = list[tuple[Float[Tensor, "batch heads frames size"], Float[Tensor, "batch heads frames size"]]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What frames are conditioned on. Columns reach `past_frames` before and `ahead_frames` past them."""

    mel: Float[Tensor, "batch columns 80"]
    phones: Int[Tensor, "batch columns"]
    ahead: Int[Tensor, "batch frames"]
    """How many frames after each one are known."""
    presence: Int[Tensor, "batch frames"]
    style: Float[Tensor, "batch style"]
    deaf: Bool[Tensor, "batch"]
    """Clips whose sound and phones are withheld, for classifier-free guidance."""


@dataclass(frozen=True, slots=True)
class Past:
    """What frames in the making know of the frames before them."""

    cache: KeysValues
    before: Float[Tensor, "batch frames two_motions"]
    """The two frames before each one, as noised as the cache saw them; zeros before the first."""
    level: Float[Tensor, "batch width"]
    """How much they were noised."""

    def repeated(self, times: int) -> "Past":
        """Return the batch `times` times over."""
        cache = [(k.repeat(times, 1, 1, 1), v.repeat(times, 1, 1, 1)) for k, v in self.cache]
        return Past(cache, self.before.repeat(times, 1, 1), self.level.repeat(times, 1))


class Layer(nn.Module):
    """Attention over time and a feed-forward net, each with its norm before it."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm_attention, self.norm_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def project(
        self, h: Float[Tensor, "batch frames width"], turn: Float[Tensor, "frames half 2"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values by head; queries and keys are turned to their place in time."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.query_key_value(self.norm_attention(h)).chunk(3, dim=-1)
        )
        return rotate(q, turn), rotate(k, turn), v

    def finish(self, h: Tensor, attended: Tensor) -> Tensor:
        """Add what was attended to, and the feed-forward net."""
        h = h + self.merge(attended.transpose(1, 2).flatten(-2))
        return h + self.contract(functional.silu(self.expand(self.norm_forward(h))))


def rotate(
    x: Float[Tensor, "batch heads frames size"], turn: Float[Tensor, "frames half 2"]
) -> Float[Tensor, "batch heads frames size"]:
    """Turn pairs of features by the frame's angle (RoPE, Su et al. 2021): only distances in time matter."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = turn[..., 0].to(x.dtype), turn[..., 1].to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def turns(frames: int, size: int) -> Float[Tensor, "frames half 2"]:
    """Return cosine and sine of each frame's angles; wavelengths from 6 frames to minutes."""
    rates = 10.0 ** (-3.0 * torch.arange(size // 2, dtype=torch.float64) / (size // 2))
    angles = torch.arange(frames, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.cos(), angles.sin()], dim=-1).float()


def step_features(t: Float[Tensor, "..."], width: int) -> Float[Tensor, "... width"]:
    """Return the sinusoidal encoding of diffusion times."""
    rates = torch.exp(-math.log(1000.0) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = 1000.0 * t[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class MotionNet(nn.Module):
    """Predicts x₀ of each frame from its noisy self, the past, sound, presence and style."""

    def __init__(self, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.mel_mean = nn.Buffer(torch.zeros(MEL_BANDS))
        self.mel_scale = nn.Buffer(torch.ones(MEL_BANDS))
        self.motion_mean = nn.Buffer(torch.zeros(shape.motion_size))
        self.motion_scale = nn.Buffer(torch.ones(shape.motion_size))
        self.steadiness = nn.Buffer(torch.ones(shape.motion_size))
        """How much a channel varies against how much it changes in a frame; see `statistics`."""
        self.mel_in = nn.Linear(MEL_BANDS, shape.column_size)
        self.unheard = nn.Parameter(torch.zeros(shape.column_size))
        self.phone_in = nn.Embedding(shape.phones, shape.column_size)
        self.audio_in = nn.Linear(shape.window_columns * shape.column_size, shape.hidden)
        self.audio_out = nn.Linear(shape.hidden, width)
        self.deaf = nn.Parameter(torch.zeros(width))
        self.presence_in = nn.Embedding(shape.presences, width)
        self.style_in = nn.Linear(shape.style_size, width)
        self.motion_in = nn.Linear(shape.motion_size, width)
        self.past_in = nn.Linear(shape.motion_size, width)
        self.step_in, self.step_out = nn.Linear(width, width), nn.Linear(width, width)
        self.mouth_in, self.rest_in = nn.Linear(width, width), nn.Linear(width, width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.before_in = nn.Linear(2 * shape.motion_size, width)
        self.level_in = nn.Linear(2 * width, width)
        self.carry = nn.Parameter(torch.zeros(shape.motion_size))
        """Share of the frame before that x̂₀ starts from, in units of `CARRY`."""
        self.norm_out = nn.LayerNorm(width)
        self.motion_out = nn.Linear(width, shape.motion_size)
        self.phone_out = nn.Linear(width, 2 * shape.phones)
        """Names the phones of the frame's first and third column: teaches the ear, unused afterwards."""
        nn.init.normal_(self.phone_in.weight, std=0.3)
        for zeroed in (self.motion_out, self.before_in, self.level_in):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        mouth, eyes = (torch.zeros(shape.motion_size, dtype=torch.bool) for _ in range(2))
        mouth[list(MOUTH)], eyes[list(EYES)] = True, True
        self.mouth, self.eyes = nn.Buffer(mouth, persistent=False), nn.Buffer(eyes, persistent=False)
        self.rest = nn.Buffer(~(mouth | eyes), persistent=False)

    def hear(self, heard: Heard) -> Float[Tensor, "batch frames width"]:
        """Return what the audio MLP makes of the sound around each frame."""
        mel = (heard.mel - self.mel_mean) / self.mel_scale
        named = self.phone_in(heard.phones)
        known = functional.silu(self.mel_in(mel) + named)
        unknown = functional.silu(self.unheard + named)
        windows, blanks = (self._windows(columns) for columns in (known, unknown))
        offset = torch.arange(self.shape.window_columns, device=mel.device) // COLUMNS_PER_FRAME
        future = offset - self.shape.past_frames > heard.ahead[..., None]
        windows = torch.where(future[..., None], blanks, windows)
        return self.audio_out(functional.silu(self.audio_in(windows.flatten(-2))))

    def _windows(self, columns: Float[Tensor, "batch columns size"]) -> Tensor:
        windows = columns.unfold(1, self.shape.window_columns, COLUMNS_PER_FRAME)
        return windows.transpose(-1, -2)

    def condition(self, heard: Heard, audio: Float[Tensor, "batch frames width"]) -> Tensor:
        """Return the sum of all that conditions each frame."""
        audio = torch.where(heard.deaf[:, None, None], self.deaf, audio)
        return audio + self.presence_in(heard.presence) + self.style_in(heard.style)[:, None]

    def past(
        self,
        x: Float[Tensor, "batch frames motion"],
        mouth_t: Float[Tensor, "batch"],
        rest_t: Float[Tensor, "batch"],
        condition: Float[Tensor, "batch frames width"],
    ) -> Past:
        """Return what is kept of frames that were made, noised to the given times."""
        mouth_level, rest_level = self._step(mouth_t), self._step(rest_t)
        h = self.past_in(x) + condition + self.mouth_in(mouth_level)[:, None]
        h = h + self.rest_in(rest_level)[:, None]
        turn = turns(x.shape[1], self.shape.width // self.shape.heads).to(x.device)
        mask = self._mask(x.shape[1], x.device)
        cache: KeysValues = []
        for layer in self.layers:
            q, k, v = layer.project(h, turn)
            cache.append((k, v))
            h = layer.finish(h, functional.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        before = [functional.pad(x[:, :-back], (0, 0, back, 0)) for back in (1, 2)]
        level = self.level_in(torch.cat([mouth_level, rest_level], dim=-1))
        return Past(cache, torch.cat(before, dim=-1), level)

    def forward(
        self,
        x: Float[Tensor, "batch frames motion"],
        t: Float[Tensor, "batch frames"],
        condition: Float[Tensor, "batch frames width"],
        past: Past,
    ) -> Float[Tensor, "batch frames motion"]:
        """Denoise: return x̂₀ of each frame, in units of the data's deviation."""
        h = self.motion_in(x) + condition + self._step(t)
        h = h + self.before_in(past.before) + past.level[:, None]
        frames = x.shape[1]
        turn = turns(frames, self.shape.width // self.shape.heads).to(x.device)
        before = self._mask(frames, x.device) & ~torch.eye(frames, dtype=torch.bool, device=x.device)
        mask = torch.cat([before, torch.eye(frames, dtype=torch.bool, device=x.device)], dim=1)
        for layer, (past_k, past_v) in zip(self.layers, past.cache, strict=True):
            q, k, v = layer.project(h, turn)
            attended = functional.scaled_dot_product_attention(
                q, torch.cat([past_k, k], dim=2), torch.cat([past_v, v], dim=2), attn_mask=mask
            )
            h = layer.finish(h, attended)
        carried = CARRY * self.carry * past.before[..., : self.shape.motion_size]
        return carried + self.motion_out(self.norm_out(h))

    def _step(self, t: Float[Tensor, "..."]) -> Float[Tensor, "... width"]:
        return self.step_out(functional.silu(self.step_in(step_features(t, self.shape.width))))

    def _mask(self, frames: int, device: torch.device) -> Bool[Tensor, "frames frames"]:
        """Allow each frame the past within the window, and itself."""
        distance = torch.arange(frames, device=device)[:, None] - torch.arange(frames, device=device)
        return (distance >= 0) & (distance <= self.shape.window_frames)

    def normalise(self, motion: Float[Tensor, "... motion"]) -> Float[Tensor, "... motion"]:
        """Return motion in units of the data's deviation."""
        return (motion - self.motion_mean) / self.motion_scale
