"""The picture network in OpenVINO: eight bits, or bfloat16 where the processor has it."""

from typing import Final

import numpy as np
import openvino as ov
from jaxtyping import Float32, UInt8

from models.video.halves import halved, whole
from models.video.openvino_graph import GraphBuilder
from models.video.openvino_upscale import upscale_graph
from models.video.runtime import Made, Sampler
from models.video.state import PictureMemory, Remembered
from models.video.upscale import UpscaleWeights
from models.video.weights import PictureWeights

THREADS: Final = 1
"""One picture, one core, as in the warp: sessions share the cores."""


class OpenVinoProgram:
    """A `Program` compiled for this processor (about a second)."""

    def __init__(
        self,
        weights: PictureWeights,
        reference: UInt8[np.ndarray, "side side 3"],
        sampler: Sampler,
        *,
        eight_bits: bool,
    ) -> None:
        self._compiled = _compiled(GraphBuilder(weights, reference, eight_bits=eight_bits).build(sampler))
        self._steps = len(sampler.times)

    @property
    def steps(self) -> int:
        """Evaluations of the network for each frame."""
        return self._steps

    def __call__(
        self,
        warp: UInt8[np.ndarray, "side side 3"],
        controls: Float32[np.ndarray, "planes small small"],
        memory: PictureMemory,
    ) -> Made:
        """Make one frame. A request of its own, so that sessions may share the program."""
        request = self._compiled.create_infer_request()
        past = [frame.grid for frame in memory.frames] + [frame.deep for frame in memory.frames]
        inputs = [halved(warp)[None], controls[None], *past]
        added, grid, deep = request.infer(inputs, share_inputs=True).values()
        return Made(whole(added[0]), memory.next(Remembered(grid, deep)))


class OpenVinoUpscaler:
    """The upscaler's convolutions, compiled for this processor; bfloat16 where it has it."""

    def __init__(self, weights: UpscaleWeights, rows: int) -> None:
        self._compiled = _compiled(upscale_graph(weights, rows))

    def __call__(
        self, patches: Float32[np.ndarray, "rows rows twice"]
    ) -> Float32[np.ndarray, "rows rows patch"]:
        """Find the fine structure of one frame. A request of its own, as for pictures."""
        request = self._compiled.create_infer_request()
        (found,) = request.infer([patches[None]], share_inputs=True).values()
        return np.asarray(found[0])


def _compiled(graph: ov.Model) -> ov.CompiledModel:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": THREADS,
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(graph, "CPU", settings)
