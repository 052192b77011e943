"""The upscaler as an OpenVINO graph: patches in and out with their channels last."""

import numpy as np
import openvino as ov
from openvino import opset13 as op

from models.video.upscale import LAYERS, PATCH, UpscaleWeights


def upscale_graph(weights: UpscaleWeights, rows: int) -> ov.Model:
    """Return the three convolutions over a grid of so many patches on a side."""
    patches = op.parameter([1, rows, rows, 2 * PATCH**2], np.float32, name="patches")
    h = op.transpose(patches, np.array([0, 3, 1, 2]))
    for name in LAYERS:
        kernel, bias = (weights.arrays[f"{name}.{kind}"] for kind in ("weight", "bias"))
        h = op.convolution(h if name == LAYERS[0] else op.relu(h), kernel, [1, 1], [1, 1], [1, 1], [1, 1])
        h = op.add(h, op.constant(bias.reshape(1, -1, 1, 1)))
    found = op.transpose(h, np.array([0, 2, 3, 1]))
    return ov.Model([op.result(found)], [patches], "upscale")
