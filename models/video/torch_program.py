"""The picture network in torch, for one avatar: the reference for every other runtime."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from models.video.network import Given, PictureNet, Seen
from models.video.runtime import Made, Sampler
from models.video.state import PictureMemory, Remembered
from models.video.upscale import UpscaleWeights
from models.video.upscale_network import UpscaleNet
from models.video.weights import PictureWeights


class TorchProgram:
    """A `Program` in single precision."""

    def __init__(
        self, weights: PictureWeights, reference: UInt8[np.ndarray, "side side 3"], sampler: Sampler
    ) -> None:
        self._net = PictureNet(weights.shape).eval().requires_grad_(False)
        self._net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})
        self._reference = _planes(reference)
        self._times, self._noise = sampler.times, torch.from_numpy(sampler.noise())

    @property
    def steps(self) -> int:
        """Evaluations of the network for each frame."""
        return len(self._times)

    @torch.inference_mode()
    def __call__(
        self,
        warp: UInt8[np.ndarray, "side side 3"],
        controls: Float32[np.ndarray, "planes small small"],
        memory: PictureMemory,
    ) -> Made:
        """Make one frame."""
        given = Given(_planes(warp), self._reference, torch.from_numpy(controls)[None])
        made, seen = given.warp, []
        for number, t in enumerate(self._times):
            noisy = (1 - t) * made.clamp(-1, 1) + t * self._noise
            past = Seen(
                _past([frame.grid for frame in memory.frames], number),
                _past([frame.deep for frame in memory.frames], number),
            )
            made, now = self._net.step(noisy, torch.tensor([t]), given, past)
            seen.append(now)
        added = (made - given.warp)[0].permute(1, 2, 0).numpy() * np.float32(127.5)
        grid, deep = (
            torch.cat([getattr(now, name) for now in seen]).permute(0, 2, 3, 1).contiguous().numpy()
            for name in ("grid", "deep")
        )
        return Made(np.ascontiguousarray(added), memory.next(Remembered(grid, deep)))


class TorchUpscaler:
    """The upscaler's convolutions in single precision."""

    def __init__(self, weights: UpscaleWeights, rows: int) -> None:
        self._net = UpscaleNet(weights.width).eval().requires_grad_(False)
        self._net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})

    @torch.inference_mode()
    def __call__(
        self, patches: Float32[np.ndarray, "rows rows twice"]
    ) -> Float32[np.ndarray, "rows rows patch"]:
        """Find the fine structure of one frame."""
        found = self._net.convolve(torch.from_numpy(patches).permute(2, 0, 1)[None])
        return found[0].permute(1, 2, 0).contiguous().numpy()


def _past(
    frames: list[Float32[np.ndarray, "steps h w channels"]], step: int
) -> Float32[Tensor, "1 twice h w"]:
    """Lay the frames before side by side, as the temporal convolutions take them."""
    beside = np.concatenate([frame[step] for frame in frames], -1)
    return torch.from_numpy(beside).permute(2, 0, 1)[None]


def _planes(picture: UInt8[np.ndarray, "side side 3"]) -> Float32[Tensor, "1 3 side side"]:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
