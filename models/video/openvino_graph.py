"""The picture network as an OpenVINO graph, the sampler's steps unrolled, everything known folded in.

Inputs: `warp` [1, half, half, 12] in 0..255 (see `models.video.halves`), `controls`, and what is remembered
of each frame before, the newest first: `grid` and `deep`. Outputs: what to add in 0..255 steps, and what the
next frame will want to know. Pixels enter and leave with their channels last and the noise is part of the
constants, so nothing is rearranged on the way: that took a third of the time.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import openvino as ov
from jaxtyping import Float32, UInt8
from openvino import opset13 as op

from models.video.conditions import CONTROL_PLANES, CONTROL_SIDE, SIDE
from models.video.halves import halved
from models.video.runtime import Sampler
from models.video.shape import MISS
from models.video.state import PAST
from models.video.weights import PictureWeights

LEVELS: Final = 256
HALF: Final = SIDE // 2
Node = Any
"""An OpenVINO node; the package's types are not exported."""
SIGNED: Final = ("join",)
"""Convolutions whose input may be negative; all others follow a rectifier."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step adds to the graph."""

    added: Node
    """x₀ less the warp, in 2 / 255 steps."""
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
        self._known = self._patches("reference", _signed(halved(reference)))

    def build(self, sampler: Sampler) -> ov.Model:
        """Return the graph of a sampler."""
        shape, steps = self._weights.shape, len(sampler.times)
        rows = SIDE // shape.patch
        pixels = op.parameter([1, HALF, HALF, 12], np.uint8, name="warp")
        controls = op.parameter([1, CONTROL_PLANES, CONTROL_SIDE, CONTROL_SIDE], np.float32, name="controls")
        grids = [op.parameter([steps, rows, rows, shape.width], np.float32) for _ in range(PAST)]
        deeps = [op.parameter([steps, rows // 2, rows // 2, shape.deep], np.float32) for _ in range(PAST)]
        past = [
            [op.split(_channels_first(p), _axis(0), steps).outputs() for p in ps] for ps in (grids, deeps)
        ]
        warp = _channels_first(_scaled(op.convert(pixels, "f32"), 1 / 127.5, -1.0))
        told = self._convolve("controls", controls, kernel=self._control_kernel(), stride=2, pad=0)
        noise = _halved_planes(sampler.noise())
        source, made = warp, []
        for number, t in enumerate(sampler.times):
            before = [[frame[number] for frame in frames] for frames in past]
            made.append(self._step(t, source, warp, told, noise, before))
            source = op.clamp(op.add(warp, made[-1].added), -1.0, 1.0)
        results = [_channels_last(op.multiply(made[-1].added, _constant(127.5)))]
        results += [
            _channels_last(op.concat([getattr(m, name) for m in made], 0)) for name in ("grid", "deep")
        ]
        return ov.Model([op.result(node) for node in results], [pixels, controls, *grids, *deeps], "picture")

    def _step(
        self, t: float, source: Node, warp: Node, told: Node, noise: Float32[np.ndarray, "half half 12"],
        before: list[list[Node]],
    ) -> Step:  # fmt: skip
        """Predict x₀ from x_t = (1 - t) source + t noise; the source of the first step is the warp."""
        shape = self._weights.shape
        h = self._embed(t, source, warp, told, noise)
        h, grid = self._through("before", shape.outer, 0, h, t, before[0])
        g = self._convolve("down", op.relu(h), stride=2)
        g, deep = self._through("inner", shape.inner, 1, g, t, before[1])
        up = op.depth_to_space(self._spread_out("up", op.relu(g), 2), "blocks_first", 2)
        h = self._convolve("join", op.concat([h, up], 1))
        for number in range(shape.outer):
            h = self._block(f"after.{number}", h, t)
        drawn = self._draw(h, t, source, warp, noise)
        return Step(op.add(drawn, self._prior(t, source, warp, noise)), grid, deep)

    def _embed(
        self, t: float, source: Node, warp: Node, told: Node, noise: Float32[np.ndarray, "half half 12"]
    ) -> Node:
        """Embed all that is seen. Convolutions are linear: those of one picture are one."""
        warp_kernel, noisy = self._patch_kernel("warp"), (1 - t) * self._patch_kernel("noisy")
        known = self._known + t * self._patches("noisy", noise, bias=False)
        h = op.add(told, op.constant(known))
        bias = self._bias("warp") + self._bias("noisy")
        if source is warp:
            return op.add(
                h, self._convolve("warp", warp, kernel=warp_kernel + noisy, stride=4, pad=0, bias=bias)
            )
        h = op.add(h, self._convolve("warp", warp, kernel=warp_kernel, stride=4, pad=0, bias=bias))
        return op.add(h, self._convolve("noisy", source, kernel=noisy, stride=4, pad=0, bias=0.0))

    def _through(
        self, blocks: str, count: int, temporal: int, h: Node, t: float, before: list[Node]
    ) -> tuple[Node, Node]:
        h = seen = self._block(f"{blocks}.0", h, t)
        name = f"temporal.{temporal}.past"
        width = self._weights.arrays[f"{name}.weight"].shape[1] // PAST
        for ago, frame in enumerate(before):
            kernel = self._weights.arrays[f"{name}.weight"][:, ago * width : (ago + 1) * width]
            h = op.add(h, self._convolve(name, op.relu(frame), kernel=kernel))
        for number in range(1, count):
            h = self._block(f"{blocks}.{number}", h, t)
        return h, seen

    def _block(self, name: str, h: Node, t: float) -> Node:
        bias = self._bias(f"{name}.first") + self._weights.shift(name, t)
        inner = self._convolve(f"{name}.first", op.relu(h), bias=bias)
        return op.add(h, self._convolve(f"{name}.second", op.relu(inner)))

    def _draw(
        self, h: Node, t: float, source: Node, warp: Node, noise: Float32[np.ndarray, "half half 12"]
    ) -> Node:
        """Draw at half the side, with the pictures themselves at hand."""
        reach = self._weights.shape.patch // 2
        drawn = op.depth_to_space(self._spread_out("spread", op.relu(h), reach), "blocks_first", reach)
        kernel = self._weights.arrays["fine.0.weight"]
        first = kernel.shape[1] - 24
        of_warp, of_noisy = (_half_kernel(kernel[:, at : at + 12]) for at in (first, first + 12))
        bias = self._bias("fine.0")[None, :, None, None] + _convolved(t * noise, of_noisy)
        h = self._convolve("fine.0", drawn, kernel=kernel[:, :first], bias=bias)
        if source is warp:
            seen = self._convolve("fine.0", warp, kernel=of_warp + (1 - t) * of_noisy, bias=0.0)
        else:
            seen = op.add(
                self._convolve("fine.0", warp, kernel=of_warp, bias=0.0),
                self._convolve("fine.0", source, kernel=(1 - t) * of_noisy, bias=0.0),
            )
        h = self._convolve("fine.1", op.relu(op.add(h, seen)))
        order = _half_order()
        kernel, bias = self._weights.arrays["out.weight"][order], self._bias("out")[order]
        return self._convolve("out", op.relu(h), kernel=kernel, bias=bias)

    def _prior(self, t: float, source: Node, warp: Node, noise: Float32[np.ndarray, "half half 12"]) -> Node:
        """Return the best guess of x₀ pixel by pixel, less the warp; see `models.video.network.prior`."""
        rest = max(1 - t, 1e-3)
        share = MISS**2 / (MISS**2 + (t / rest) ** 2)
        shines = op.constant(np.ascontiguousarray((share * t / rest * noise).transpose(2, 0, 1)[None]))
        if source is warp:
            return shines
        return op.add(shines, op.multiply(op.subtract(source, warp), _constant(share)))

    def _spread_out(self, name: str, x: Node, times: int) -> Node:
        """Convolve to `times`² places each, their channels together."""
        kernel, bias = self._weights.arrays[f"{name}.weight"], self._bias(name)
        order = np.arange(len(kernel)).reshape(-1, times * times).T.ravel()
        return self._convolve(name, x, kernel=kernel[order], bias=bias[order])

    def _convolve(
        self, name: str, x: Node, *, kernel: Float32[np.ndarray, "out in h w"] | None = None,
        bias: Float32[np.ndarray, "..."] | float | None = None, stride: int = 1, pad: int | None = None,
    ) -> Node:  # fmt: skip
        """Convolve, in eight bits where the range of the input is known."""
        weight = self._weights.arrays[f"{name}.weight"] if kernel is None else kernel
        bias = self._bias(name) if bias is None else bias
        highest = self._weights.ranges.get(name)
        filters = op.constant(np.ascontiguousarray(weight))
        if self._eight_bits and highest is not None:
            low = -highest if name in SIGNED else 0.0
            x = op.fake_quantize(x, *(_constant(v) for v in (low, highest, low, highest)), LEVELS)
            reach = np.abs(weight).max(axis=(1, 2, 3), keepdims=True).astype(np.float32) + np.float32(1e-8)
            ends = [op.constant(end) for end in (-reach, reach, -reach, reach)]
            filters = op.fake_quantize(filters, *ends, LEVELS - 1)
        pads = [weight.shape[-1] // 2 if pad is None else pad] * 2
        made = op.convolution(x, filters, [stride, stride], pads, pads, [1, 1])
        shift = np.asarray(bias, np.float32)
        if not shift.any():
            return made
        return op.add(made, op.constant(shift if shift.ndim == 4 else shift.reshape(1, -1, 1, 1)))

    def _bias(self, name: str) -> Float32[np.ndarray, "out"]:
        """Return a convolution's bias; the temporal ones have none."""
        arrays = self._weights.arrays
        return arrays.get(f"{name}.bias", np.zeros(len(arrays[f"{name}.weight"]), np.float32))

    def _patch_kernel(self, name: str) -> Float32[np.ndarray, "width 12 4 4"]:
        """Return the embedding of patches as a convolution of halves."""
        weight, patch = self._weights.arrays[f"{name}.weight"], self._weights.shape.patch // 2
        pixels = weight.reshape(len(weight), 3, patch, 2, patch, 2)
        return np.ascontiguousarray(pixels.transpose(0, 3, 5, 1, 2, 4).reshape(-1, 12, patch, patch))

    def _control_kernel(self) -> Float32[np.ndarray, "width planes 2 2"]:
        weight, ratio = (
            self._weights.arrays["controls.weight"],
            self._weights.shape.patch * CONTROL_SIDE // SIDE,
        )
        return weight.reshape(len(weight), CONTROL_PLANES, ratio, ratio)

    def _patches(
        self, name: str, halves: Float32[np.ndarray, "half half 12"], *, bias: bool = True
    ) -> Float32[np.ndarray, "1 width rows columns"]:
        """Embed a picture that is known beforehand."""
        kernel = self._patch_kernel(name)
        patch = kernel.shape[-1]
        rows = HALF // patch
        patches = halves.reshape(rows, patch, rows, patch, 12)
        made = np.einsum("yaxbc,wcab->wyx", patches, kernel, optimize=True)
        if bias:
            made = made + self._bias(name)[:, None, None]
        return np.asarray(made, np.float32)[None]


def _half_order() -> list[int]:
    """Return where the channels of a pixel shuffle lie among those of halves."""
    return np.arange(12).reshape(3, 2, 2).transpose(1, 2, 0).ravel().tolist()


def _half_kernel(kernel: Float32[np.ndarray, "out 12 h w"]) -> Float32[np.ndarray, "out 12 h w"]:
    return np.ascontiguousarray(kernel[:, _half_order()])


def _halved_planes(planes: Float32[np.ndarray, "3 side side"]) -> Float32[np.ndarray, "half half 12"]:
    cut = planes.reshape(3, HALF, 2, HALF, 2)
    return np.ascontiguousarray(cut.transpose(1, 3, 2, 4, 0).reshape(HALF, HALF, 12))


def _signed(halves: UInt8[np.ndarray, "half half 12"]) -> Float32[np.ndarray, "half half 12"]:
    return halves.astype(np.float32) / np.float32(127.5) - 1


def _convolved(
    halves: Float32[np.ndarray, "half half 12"], kernel: Float32[np.ndarray, "out 12 3 3"]
) -> Float32[np.ndarray, "1 out half half"]:
    """Convolve what is known beforehand, zeros around it."""
    padded = np.pad(halves, ((1, 1), (1, 1), (0, 0)))
    made = np.zeros((len(kernel), HALF, HALF), np.float32)
    for y in range(3):
        for x in range(3):
            made += np.einsum("yxc,oc->oyx", padded[y : y + HALF, x : x + HALF], kernel[:, :, y, x])
    return made[None]


def _scaled(x: Node, factor: float, offset: float) -> Node:
    return op.add(op.multiply(x, _constant(factor)), _constant(offset))


def _channels_first(x: Node) -> Node:
    return op.transpose(x, np.array([0, 3, 1, 2]))


def _channels_last(x: Node) -> Node:
    return op.transpose(x, np.array([0, 2, 3, 1]))


def _constant(value: float) -> Node:
    return op.constant(np.float32(value))


def _axis(number: int) -> Node:
    return op.constant(np.int64(number))
