"""The picture network in OpenVINO: eight bits, or bfloat16 where the processor has it."""

from typing import Final

import numpy as np
import openvino as ov
from jaxtyping import Float32, UInt8

from models.video.openvino_graph import GraphBuilder
from models.video.runtime import Made
from models.video.state import PictureMemory
from models.video.weights import PictureWeights

THREADS: Final = 1
"""One picture, one core, as in the warp: sessions share the cores."""


class OpenVinoProgram:
    """A `Program` compiled for this processor (about a second)."""

    def __init__(
        self,
        weights: PictureWeights,
        reference: UInt8[np.ndarray, "side side 3"],
        times: tuple[float, ...],
        *,
        eight_bits: bool,
    ) -> None:
        graph = GraphBuilder(weights, reference, eight_bits=eight_bits).build(times)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": THREADS,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = ov.Core().compile_model(graph, "CPU", settings)
        self._times = times

    @property
    def steps(self) -> int:
        """Evaluations of the network for each frame."""
        return len(self._times)

    def __call__(
        self,
        warp: UInt8[np.ndarray, "side side 3"],
        controls: Float32[np.ndarray, "planes small small"],
        noise: Float32[np.ndarray, "3 side side"],
        memory: PictureMemory,
    ) -> Made:
        """Make one frame. A request of its own, so that sessions may share the program."""
        request = self._compiled.create_infer_request()
        inputs = [warp[None].astype(np.float32), controls[None], noise[None], memory.grid, memory.deep]
        added, grid, deep = request.infer(inputs, share_inputs=True).values()
        return Made(added[0].copy(), memory.next(grid, deep))
