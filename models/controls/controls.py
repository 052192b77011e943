"""The 2D controls of a frame: Cᵈ dense, Cᵐ semantic, Cʷ partial warp with visibility (paper section 3.1)."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from models.body.rig import Region
from models.controls.interpolate import interpolate
from models.controls.raster import CpuRasterizer, Rasterizer
from models.controls.reference import Posed, Reference
from models.controls.window import Window
from models.motion.frame import MotionFrame

CLASSES: Final = len(Region) + 1
"""N_c: the regions, and nothing at all."""
VISIBLE_M: Final = 0.006
"""A point counts as seen in the photo when nothing lies further than this before it."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What the video model is told of one frame."""

    dense: Float32[np.ndarray, "side side 3"]
    """Cᵈ: where on the template body each pixel lies, in 0..1 of its bounding box; 0 outside."""
    semantic: UInt8[np.ndarray, "side side"]
    """Cᵐ as class numbers: 0 nothing, else `Region` + 1."""
    warp: UInt8[np.ndarray, "side side 3"]
    """Cʷ: colours of the photo carried to this pose; 0 where the photo does not show the point."""
    visible: Bool[np.ndarray, "side side"]
    """Where Cʷ has a colour."""

    def one_hot(self) -> Float32[np.ndarray, "classes side side"]:
        """Return Cᵐ ∈ {0, 1} with one channel per class."""
        return (self.semantic[None] == np.arange(CLASSES)[:, None, None]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Places:
    """Where pixels lie, without any colours."""

    dense: Float32[np.ndarray, "side side 3"]
    """Cᵈ."""
    semantic: UInt8[np.ndarray, "side side"]
    """Cᵐ as class numbers."""
    visible: Bool[np.ndarray, "side side"]
    """Where the photo shows the point."""
    source: Float32[np.ndarray, "side side 2"]
    """Where it would be in the photo, in pixels."""


def render_controls(
    reference: Reference,
    motion: MotionFrame,
    side: int,
    rasterizer: Rasterizer | None = None,
) -> Controls:
    """Pose the body, rasterise it, and look every pixel up in the photo.

    Args:
        reference: the portrait.
        motion: the frame.
        side: side of the controls in pixels, 128 for the base model.
        rasterizer: defaults to the CPU's.
    """
    window = Window(0, 0, reference.avatar.side)
    return window_controls(reference, reference.pose(motion), window, side, rasterizer)


def window_controls(
    reference: Reference, posed: Posed, window: Window, side: int, rasterizer: Rasterizer | None = None
) -> Controls:
    """Rasterise a posed body inside a window of the picture; see `render_controls`."""
    seen = window_places(reference, posed, window, side, rasterizer)
    warp = cv2.remap(reference.avatar.reference, seen.source - 0.5, None, cv2.INTER_LINEAR)
    warp[~seen.visible] = 0
    return Controls(seen.dense, seen.semantic, warp, seen.visible)


def window_places(
    reference: Reference, posed: Posed, window: Window, side: int, rasterizer: Rasterizer | None = None
) -> Places:
    """Say of each pixel of a window where on the body and where in the photo it lies."""
    body = reference.body
    fragments = (rasterizer or CpuRasterizer()).rasterize(
        window.inside(posed.points, side), posed.depth, body.triangles, side, side
    )
    pixels = interpolate(fragments, body.triangles, reference.places, empty=0.0)
    covered = fragments.triangle >= 0
    region = body.regions[fragments.triangle]
    source = np.ascontiguousarray(pixels[..., 3:5])
    return Places(
        np.ascontiguousarray(pixels[..., :3]),
        np.where(covered, region + 1, 0).astype(np.uint8),
        covered & _seen(reference, source, pixels[..., 5], region),
        source,
    )


def _seen(
    reference: Reference,
    source: Float32[np.ndarray, "side side 2"],
    far: Float32[np.ndarray, "side side"],
    region: Int32[np.ndarray, "side side"],
) -> Bool[np.ndarray, "side side"]:
    """Test depth against the photo's own z-buffer; eyes and mouth must also be eyes and mouth there."""
    last = reference.avatar.side - 1
    inside = ((source >= 0) & (source <= last)).all(-1)
    x, y = (np.clip(source[..., axis], 0, last).astype(int) for axis in (0, 1))
    nearest, triangle = reference.fragments.depth[y, x], reference.fragments.triangle[y, x]
    inner = region >= Region.EYE_LEFT
    same = ~inner | (reference.body.regions[triangle] == region)
    # Where the photo shows no body its depth is infinite: beside the outline lies background.
    return inside & (triangle >= 0) & (far <= nearest + VISIBLE_M) & same
