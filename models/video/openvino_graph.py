"""The picture network as an OpenVINO graph, the sampler's steps unrolled, everything known folded in.

Inputs: `warp` [1, side, side, 3] in 0..255, `controls`, `noise`, and for each step the past of both temporal
convolutions. Outputs: `added` [1, side, side, 3] in 0..255 steps, and what the next frame will want to know.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import openvino as ov
from jaxtyping import Float32, UInt8
from openvino import opset13 as op

from models.video.conditions import CONTROL_PLANES, CONTROL_SIDE, SIDE
from models.video.shape import MISS
from models.video.state import PAST
from models.video.weights import PictureWeights

LEVELS: Final = 256
Node = Any
"""An OpenVINO node; the package's types are not exported."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step adds to the graph."""

    clean: Node
    grid: Node
    deep: Node


class GraphBuilder:
    """Builds the graph of one avatar.

    Args:
        weights: of the network.
        reference: what the window shows of the portrait.
        eight_bits: quantise convolutions whose ranges are known.
    """

    def __init__(
        self, weights: PictureWeights, reference: UInt8[np.ndarray, "side side 3"], *, eight_bits: bool
    ) -> None:
        self._weights = weights
        self._eight_bits = eight_bits
        self._known = _embedded_reference(weights, reference)

    def build(self, times: tuple[float, ...]) -> ov.Model:
        """Return the graph of a sampler that visits these times."""
        shape, patch = self._weights.shape, self._weights.shape.patch
        rows = SIDE // patch
        warp_pixels = op.parameter([1, SIDE, SIDE, 3], np.float32, name="warp")
        controls = op.parameter([1, CONTROL_PLANES, CONTROL_SIDE, CONTROL_SIDE], np.float32, name="controls")
        noise = op.parameter([1, 3, SIDE, SIDE], np.float32, name="noise")
        grid = op.parameter([len(times), PAST * shape.width, rows, rows], np.float32, name="grid")
        deep = op.parameter([len(times), PAST * shape.deep, rows // 2, rows // 2], np.float32, name="deep")
        scaled = op.subtract(op.multiply(warp_pixels, _constant(1 / 127.5)), _constant(1.0))
        warp = op.transpose(scaled, np.array([0, 3, 1, 2]))
        given = self._given(warp, controls)
        past = [op.split(memory, _axis(0), len(times)).outputs() for memory in (grid, deep)]
        clean, steps = warp, []
        for number, t in enumerate(times):
            step = self._step(t, clean, warp, given, noise, past[0][number], past[1][number])
            clean = step.clean
            steps.append(step)
        added = op.transpose(op.multiply(op.subtract(clean, warp), _constant(127.5)), np.array([0, 2, 3, 1]))
        outputs = [added, *(op.concat([getattr(s, name) for s in steps], 0) for name in ("grid", "deep"))]
        results = [op.result(node) for node in outputs]
        return ov.Model(results, [warp_pixels, controls, noise, grid, deep], "picture")

    def _given(self, warp: Node, controls: Node) -> Node:
        """Embed what all steps share: warp, reference and controls."""
        patch = self._weights.shape.patch
        ratio = patch * CONTROL_SIDE // SIDE
        seen = self._convolve("warp", op.space_to_depth(warp, "depth_first", patch))
        told = self._convolve("controls", op.space_to_depth(controls, "depth_first", ratio))
        return op.add(op.add(seen, told), op.constant(self._known))

    def _step(
        self, t: float, clean: Node, warp: Node, given: Node, noise: Node, past_grid: Node, past_deep: Node
    ) -> Step:
        """Noise the picture so far, and predict x₀."""
        shape = self._weights.shape
        x = op.add(op.multiply(clean, _constant(1 - t)), op.multiply(noise, _constant(t)))
        h = op.add(given, self._convolve("noisy", op.space_to_depth(x, "depth_first", shape.patch)))
        h, grid = self._through("before", shape.outer, 0, h, t, past_grid)
        g = self._convolve("down", op.relu(h), stride=2)
        g, deep = self._through("inner", shape.inner, 1, g, t, past_deep)
        up = op.depth_to_space(self._convolve("up", op.relu(g)), "depth_first", 2)
        h = self._convolve("join", op.concat([h, up], 1))
        for number in range(shape.outer):
            h = self._block(f"after.{number}", h, t)
        x0 = op.add(_prior(x, t, warp), self._draw(h, x, warp))
        return Step(op.clamp(x0, -1.0, 1.0), grid, deep)

    def _through(
        self, blocks: str, count: int, temporal: int, h: Node, t: float, past: Node
    ) -> tuple[Node, Node]:
        h = seen = self._block(f"{blocks}.0", h, t)
        h = op.add(h, self._convolve(f"temporal.{temporal}.past", op.relu(past)))
        for number in range(1, count):
            h = self._block(f"{blocks}.{number}", h, t)
        return h, seen

    def _block(self, name: str, h: Node, t: float) -> Node:
        inner = self._convolve(f"{name}.first", op.relu(h), shift=self._weights.shift(name, t))
        return op.add(h, self._convolve(f"{name}.second", op.relu(inner)))

    def _draw(self, h: Node, x: Node, warp: Node) -> Node:
        """Draw at half the side, with the pictures themselves at hand, and spread to pixels."""
        half = self._weights.shape.patch // 2
        drawn = op.depth_to_space(self._convolve("spread", op.relu(h)), "depth_first", half)
        near = [op.space_to_depth(picture, "depth_first", 2) for picture in (warp, x)]
        h = op.concat([drawn, *near], 1)
        for number in range(2):
            h = op.relu(self._convolve(f"fine.{number}", h))
        return op.depth_to_space(self._convolve("out", h), "depth_first", 2)

    def _convolve(
        self, name: str, x: Node, *, stride: int = 1, shift: Float32[np.ndarray, "out"] | float = 0.0
    ) -> Node:
        """Convolve, in eight bits where the range of the input is known."""
        arrays = self._weights.arrays
        weight = arrays[f"{name}.weight"]
        bias = arrays.get(f"{name}.bias", np.zeros(len(weight), np.float32)) + shift
        kernel = op.constant(weight)
        highest = self._weights.ranges.get(name)
        if self._eight_bits and highest is not None:
            low = -highest if name in SIGNED else 0.0
            x = op.fake_quantize(x, *(_constant(v) for v in (low, highest, low, highest)), LEVELS)
            reach = np.abs(weight).max(axis=(1, 2, 3), keepdims=True).astype(np.float32) + np.float32(1e-8)
            ends = [op.constant(end) for end in (-reach, reach, -reach, reach)]
            kernel = op.fake_quantize(kernel, *ends, LEVELS - 1)
        pad = [weight.shape[-1] // 2] * 2
        made = op.convolution(x, kernel, [stride, stride], pad, pad, [1, 1])
        return op.add(made, op.constant(bias.astype(np.float32)[None, :, None, None]))


SIGNED: Final = ("join",)
"""Convolutions whose input may be negative; all others follow a rectifier."""


def _prior(x: Node, t: float, warp: Node) -> Node:
    """Return the best guess of x₀ pixel by pixel; see `models.video.network.prior`."""
    rest = max(1 - t, 1e-3)
    share = MISS**2 / (MISS**2 + (t / rest) ** 2)
    seen = op.multiply(x, _constant(share / rest))
    return op.add(seen, op.multiply(warp, _constant(1 - share)))


def _embedded_reference(
    weights: PictureWeights, reference: UInt8[np.ndarray, "side side 3"]
) -> Float32[np.ndarray, "1 width rows columns"]:
    """Return the reference's embedding, which never changes."""
    patch = weights.shape.patch
    rows = SIDE // patch
    planes = (reference.astype(np.float32) / 127.5 - 1).reshape(rows, patch, rows, patch, 3)
    patches = planes.transpose(4, 1, 3, 0, 2).reshape(-1, rows * rows)
    kernel = weights.arrays["reference.weight"][:, :, 0, 0]
    embedded = kernel @ patches + weights.arrays["reference.bias"][:, None]
    return embedded.reshape(1, -1, rows, rows).astype(np.float32)


def _constant(value: float) -> Node:
    return op.constant(np.float32(value))


def _axis(number: int) -> Node:
    return op.constant(np.int64(number))
