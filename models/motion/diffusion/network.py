"""The motion network at run time, in numpy: one frame at a time, with the past's keys and values cached.

`training.motion.network` has the same network in torch and explains it; a test holds the two together. The
rows of all arrays are the branches of classifier-free guidance: one that hears, and, while guidance is not
baked into the weights, one that is deaf.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import safe_open

from models.motion.diffusion.kernels import affine, attend, normalise, rotate, silu
from models.motion.diffusion.shape import CARRY, NetShape

Rows = Float32[np.ndarray, "rows width"]


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of past frames, a ring of `NetShape.window_frames` slots; unset slots hold NaN."""

    keys: Float32[np.ndarray, "layers rows slots heads size"]
    values: Float32[np.ndarray, "layers rows slots heads size"]
    before: Float32[np.ndarray, "two motion"]
    """The two newest frames, the newest first, as noised as they were put in; zeros before the first."""
    frames: int = 0
    """Frames that were put in since the stream began."""

    def copy(self) -> "Cache":
        """Return a cache of its own, to be written to."""
        return replace(self, keys=self.keys.copy(), values=self.values.copy())


class MotionNetwork:
    """The weights, read once, shared by every stream."""

    def __init__(self, weights: dict[str, np.ndarray], shape: NetShape) -> None:
        self.shape = shape
        self._weights = {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}
        self.motion_mean, self.motion_scale = (self._weights[f"motion_{kind}"] for kind in ("mean", "scale"))
        self._steps: dict[float, Rows] = {}
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
        return Cache(empty, empty.copy(), np.zeros((2, s.motion_size), np.float32))

    def hear_columns(self, mel: Float32[np.ndarray, "columns 80"]) -> Float32[np.ndarray, "columns features"]:
        """Return what each column of sound brings to the frames that hear it."""
        w = self._weights
        return self._linear((mel - w["mel_mean"]) / w["mel_scale"], "mel_in")

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
        hidden = silu(self._linear(silu(features).reshape(1, -1), "audio_in"))
        audio = self._linear(hidden, "audio_out")
        if rows == 2:
            audio = np.concatenate([audio, w["deaf"][None]])
        manner = self._linear(style[None], "style_in")
        return np.asarray(audio + w["presence_in.weight"][presence] + manner, np.float32)

    def denoise(
        self, x: Float32[np.ndarray, "motion"], t: float, condition: Rows, cache: Cache
    ) -> Float32[np.ndarray, "rows motion"]:
        """Return x̂₀ of the coming frame in each branch, in units of deviation.

        `condition` is that of `begin`.
        """
        h = self._linear(x[None], "motion_in") + condition + self._step(t)
        h = self._through(h, cache, write=False)
        carried = CARRY * self._weights["carry"] * cache.before[0]
        return carried + self._linear(self._norm(h, "norm_out"), "motion_out")

    def begin(self, mouth_t: float, rest_t: float, condition: Rows, cache: Cache) -> Rows:
        """Add to a frame's condition the two frames before it, and how much they were noised."""
        level = np.concatenate([self._step(mouth_t), self._step(rest_t)], axis=1)
        before = self._linear(cache.before.reshape(1, -1), "before_in")
        return condition + before + self._linear(level, "level_in")

    def remember(
        self, x: Float32[np.ndarray, "motion"], mouth_t: float, rest_t: float, condition: Rows, cache: Cache
    ) -> Cache:
        """Write a finished frame, noised to the given times, into the cache *in place*."""
        h = self._linear(x[None], "past_in") + condition
        h = h + self._linear(self._step(mouth_t), "mouth_in")
        h = h + self._linear(self._step(rest_t), "rest_in")
        self._through(h, cache, write=True)
        return replace(cache, before=np.stack([x, cache.before[0]]), frames=cache.frames + 1)

    def _through(self, h: Rows, cache: Cache, *, write: bool) -> Rows:
        """Run one frame through the layers; its place in time is the cache's next."""
        s = self.shape
        slots, slot = min(cache.frames, s.window_frames), cache.frames % s.window_frames
        cos, sin = self.place(cache.frames)
        for n in range(s.layers):
            at = f"layers.{n}."
            qkv = self._linear(self._norm(h, f"{at}norm_attention"), f"{at}query_key_value").reshape(
                len(h), 3, s.heads, -1
            )
            q, k, v = (
                rotate(qkv[:, 0], cos, sin),
                rotate(qkv[:, 1], cos, sin),
                np.ascontiguousarray(qkv[:, 2]),
            )
            found = attend(q, cache.keys[n], cache.values[n], slots, k, v)
            h = h + self._linear(found, f"{at}merge")
            inner = silu(self._linear(self._norm(h, f"{at}norm_forward"), f"{at}expand"))
            h = h + self._linear(inner, f"{at}contract")
            if write:
                cache.keys[n, :, slot], cache.values[n, :, slot] = k, v
        return h

    def place(self, frame: int) -> tuple[Float32[np.ndarray, "half"], Float32[np.ndarray, "half"]]:
        """Return the frame's place in time as cosine and sine; exact for years, since angles are float64."""
        angles = frame * self._rates
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def _step(self, t: float) -> Rows:
        """Return what a diffusion time says; samplers visit few of them, so each is worked out once."""
        if t not in self._steps:
            self._steps[t] = self._embed(t)
        return self._steps[t]

    def _embed(self, t: float) -> Rows:
        half = self.shape.width // 2
        angles = np.float32(1000.0 * t) * np.exp(-np.log(1000.0) * np.arange(half) / half).astype(np.float32)
        features = np.concatenate([np.sin(angles), np.cos(angles)])[None]
        inner = silu(self._linear(features, "step_in"))
        return self._linear(inner, "step_out")

    def _linear(self, x: Float32[np.ndarray, "rows features"], name: str) -> Float32[np.ndarray, "rows out"]:
        return affine(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, h: Rows, name: str) -> Rows:
        return normalise(h, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])
