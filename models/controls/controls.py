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
    body = reference.body
    fragments = (rasterizer or CpuRasterizer()).rasterize(
        window.inside(posed.points, side), posed.depth, body.triangles, side, side
    )
    low, high = body.mean.min(0), body.mean.max(0)
    table = np.concatenate(
        [(body.mean - low) / (high - low), reference.points, reference.depth[:, None]], 1
    ).astype(np.float32)
    pixels = interpolate(fragments, body.triangles, table, empty=0.0)
    covered = fragments.triangle >= 0
    source, far = pixels[..., 3:5], pixels[..., 5]
    visible = covered & _seen(reference, source, far, body.regions[fragments.triangle])
    warp = cv2.remap(reference.avatar.reference, source - 0.5, None, cv2.INTER_LINEAR)
    semantic = np.where(covered, body.regions[fragments.triangle] + 1, 0).astype(np.uint8)
    return Controls(
        np.ascontiguousarray(pixels[..., :3]),
        semantic,
        np.where(visible[..., None], warp, 0).astype(np.uint8),
        visible,
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
