"""The picture network in torch, for one avatar: the reference for every other runtime."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from models.video.network import Given, PictureNet, Seen
from models.video.runtime import Made
from models.video.state import PictureMemory
from models.video.weights import PictureWeights


class TorchProgram:
    """A `Program` in single precision."""

    def __init__(
        self, weights: PictureWeights, reference: UInt8[np.ndarray, "side side 3"], times: tuple[float, ...]
    ) -> None:
        self._net = PictureNet(weights.shape).eval().requires_grad_(False)
        self._net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})
        self._reference = _planes(reference)
        self._times = times

    @property
    def steps(self) -> int:
        """Evaluations of the network for each frame."""
        return len(self._times)

    @torch.inference_mode()
    def __call__(
        self,
        warp: UInt8[np.ndarray, "side side 3"],
        controls: Float32[np.ndarray, "planes small small"],
        noise: Float32[np.ndarray, "3 side side"],
        memory: PictureMemory,
    ) -> Made:
        """Make one frame."""
        given = Given(_planes(warp), self._reference, torch.from_numpy(controls)[None])
        clean, seen = given.warp, []
        for number, t in enumerate(self._times):
            noisy = (1 - t) * clean + t * torch.from_numpy(noise)
            past = Seen(
                *(torch.from_numpy(layer[number : number + 1]) for layer in (memory.grid, memory.deep))
            )
            clean, now = self._net.step(noisy, torch.tensor([t]), given, past)
            clean = clean.clamp(-1, 1)
            seen.append(now)
        added = (clean - given.warp)[0].permute(1, 2, 0).numpy() * np.float32(127.5)
        grid, deep = (torch.cat([getattr(now, name) for now in seen]).numpy() for name in ("grid", "deep"))
        return Made(np.ascontiguousarray(added), memory.next(grid, deep))


def _planes(picture: UInt8[np.ndarray, "side side 3"]) -> Float32[Tensor, "1 3 side side"]:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
