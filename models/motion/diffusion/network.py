"""The motion network at run time, in numpy: one frame at a time, with the past's keys and values cached.

`training.motion.network` has the same network in torch and explains it; a test holds the two together. The
rows of all arrays are the branches of classifier-free guidance: one that hears, and, while guidance is not
baked into the weights, one that is deaf.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import safe_open

from models.motion.diffusion.kernels import affine, attend
from models.motion.diffusion.shape import NetShape

Rows = Float32[np.ndarray, "rows width"]
_NORM_EPSILON: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of past frames, a ring of `NetShape.window_frames` slots; unset slots hold NaN."""

    keys: Float32[np.ndarray, "layers rows slots heads size"]
    values: Float32[np.ndarray, "layers rows slots heads size"]
    frames: int = 0
    """Frames that were put in since the stream began."""

    def copy(self) -> "Cache":
        """Return a cache of its own, to be written to."""
        return Cache(self.keys.copy(), self.values.copy(), self.frames)


class MotionNetwork:
    """The weights, read once, shared by every stream."""

    def __init__(self, weights: dict[str, np.ndarray], shape: NetShape) -> None:
        self.shape = shape
        self._weights = {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}
        self.motion_mean, self.motion_scale = (self._weights[f"motion_{kind}"] for kind in ("mean", "scale"))
        size = shape.width // shape.heads
        self._rates = 10.0 ** (-3.0 * np.arange(size // 2, dtype=np.float64) / (size // 2))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read weights of any floating type.

        Raises:
            ValueError: The file holds no motion network of this version.
        """
        with safe_open(path, "np") as file:
            shape = NetShape.from_metadata(file.metadata())
            return cls({name: file.get_tensor(name) for name in file.keys()}, shape)  # noqa: SIM118 - no mapping

    def init_cache(self, rows: int) -> Cache:
        """Return an empty past."""
        s = self.shape
        empty = np.full((s.layers, rows, s.window_frames, s.heads, s.width // s.heads), np.nan, np.float32)
        return Cache(empty, empty.copy())

    def hear_columns(self, mel: Float32[np.ndarray, "columns 80"]) -> Float32[np.ndarray, "columns features"]:
        """Return what each column of sound brings to the frames that hear it."""
        w = self._weights
        return affine((mel - w["mel_mean"]) / w["mel_scale"], w["mel_in.weight"], w["mel_in.bias"])

    def condition(
        self,
        columns: Float32[np.ndarray, "known features"],
        phones: UInt8[np.ndarray, "window"],
        presence: int,
        style: Float32[np.ndarray, "style"],
        rows: int,
    ) -> Rows:
        """Return all that conditions one frame.

        Args:
            columns: Sound around the frame from `hear_columns`; those of the window that are missing at its
                end are not known yet.
            phones: Ids of the phones in every column of the window, 0 for unknown.
            presence: Index in `PRESENCES`.
            style: `Style.vector`.
            rows: 2 adds the deaf branch.
        """
        w = self._weights
        features = w["phone_in.weight"][phones]
        features[: len(columns)] += columns
        features[len(columns) :] += w["unheard"]
        hidden = silu(affine(silu(features).reshape(1, -1), w["audio_in.weight"], w["audio_in.bias"]))
        audio = affine(hidden, w["audio_out.weight"], w["audio_out.bias"])
        if rows == 2:
            audio = np.concatenate([audio, w["deaf"][None]])
        manner = affine(style[None], w["style_in.weight"], w["style_in.bias"])
        return np.asarray(audio + w["presence_in.weight"][presence] + manner, np.float32)

    def denoise(
        self, x: Float32[np.ndarray, "motion"], t: float, condition: Rows, cache: Cache
    ) -> Float32[np.ndarray, "rows motion"]:
        """Return x̂₀ of the coming frame in each branch, in units of deviation."""
        w = self._weights
        h = affine(x[None], w["motion_in.weight"], w["motion_in.bias"]) + condition + self._step(t)
        h = self._through(h, cache, write=False)
        return affine(self._norm(h, "norm_out"), w["motion_out.weight"], w["motion_out.bias"])

    def remember(
        self, x: Float32[np.ndarray, "motion"], mouth_t: float, rest_t: float, condition: Rows, cache: Cache
    ) -> Cache:
        """Write a finished frame, noised to the given times, into the cache *in place*."""
        w = self._weights
        h = affine(x[None], w["past_in.weight"], w["past_in.bias"]) + condition
        h = h + affine(self._step(mouth_t), w["mouth_in.weight"], w["mouth_in.bias"])
        h = h + affine(self._step(rest_t), w["rest_in.weight"], w["rest_in.bias"])
        self._through(h, cache, write=True)
        return Cache(cache.keys, cache.values, cache.frames + 1)

    def _through(self, h: Rows, cache: Cache, *, write: bool) -> Rows:
        """Run one frame through the layers; its place in time is the cache's next."""
        w, s = self._weights, self.shape
        slots, slot = min(cache.frames, s.window_frames), cache.frames % s.window_frames
        cos, sin = self.place(cache.frames)
        for n in range(s.layers):
            at = f"layers.{n}."
            qkv = affine(
                self._norm(h, f"{at}norm_attention"),
                w[f"{at}query_key_value.weight"],
                w[f"{at}query_key_value.bias"],
            ).reshape(len(h), 3, s.heads, -1)
            q, k, v = (
                rotate(qkv[:, 0], cos, sin),
                rotate(qkv[:, 1], cos, sin),
                np.ascontiguousarray(qkv[:, 2]),
            )
            found = attend(q, cache.keys[n], cache.values[n], slots, k, v)
            h = h + affine(found, w[f"{at}merge.weight"], w[f"{at}merge.bias"])
            inner = silu(
                affine(self._norm(h, f"{at}norm_forward"), w[f"{at}expand.weight"], w[f"{at}expand.bias"])
            )
            h = h + affine(inner, w[f"{at}contract.weight"], w[f"{at}contract.bias"])
            if write:
                cache.keys[n, :, slot], cache.values[n, :, slot] = k, v
        return h

    def place(self, frame: int) -> tuple[Float32[np.ndarray, "half"], Float32[np.ndarray, "half"]]:
        """Return the frame's place in time as cosine and sine; exact for years, since angles are float64."""
        angles = frame * self._rates
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def _step(self, t: float) -> Rows:
        w, half = self._weights, self.shape.width // 2
        angles = np.float32(1000.0 * t) * np.exp(-np.log(1000.0) * np.arange(half) / half).astype(np.float32)
        features = np.concatenate([np.sin(angles), np.cos(angles)])[None]
        inner = silu(affine(features, w["step_in.weight"], w["step_in.bias"]))
        return affine(inner, w["step_out.weight"], w["step_out.bias"])

    def _norm(self, h: Rows, name: str) -> Rows:
        centred = h - h.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + np.float32(_NORM_EPSILON))
        return centred / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def silu(x: Rows) -> Rows:
    """Return x·sigmoid(x)."""
    return np.asarray(x / (1.0 + np.exp(-x)), np.float32)


def rotate(
    x: Float32[np.ndarray, "rows heads size"],
    cos: Float32[np.ndarray, "half"],
    sin: Float32[np.ndarray, "half"],
) -> Float32[np.ndarray, "rows heads size"]:
    """Turn pairs of features by an angle (RoPE, Su et al. 2021)."""
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
