"""What the learned picture stage is told of a frame, inside the window of the face (paper section 3.2)."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from models.controls.controls import CLASSES, window_places
from models.controls.reference import Posed, Reference
from models.controls.window import Window

SIDE: Final = 256
"""Side of the pictures the network sees and makes."""
CONTROL_SIDE: Final = 64
"""Side of the controls: places on the body change slowly."""
FIRST_CLASS: Final = 3
"""Plane of Cᵐ's first class, which is nothing at all."""
CONTROL_PLANES: Final = FIRST_CLASS + CLASSES + 1
"""Cᵈ, Cᵐ one-hot, visibility."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Cᵈ, Cᵐ, Cʷ and visibility of one frame."""

    warp: UInt8[np.ndarray, "side side 3"]
    """Cʷ, completed by what the warp paints where the photo shows nothing."""
    dense: UInt8[np.ndarray, "small small 3"]
    """Cᵈ, 0..255 over the template body's bounding box."""
    semantic: UInt8[np.ndarray, "small small"]
    """Cᵐ as class numbers."""
    visible: UInt8[np.ndarray, "small small"]
    """1 where the photo shows the point."""

    def controls(self) -> Float32[np.ndarray, "planes small small"]:
        """Return Cᵈ, Cᵐ and visibility as the network takes them."""
        return control_planes(self.dense[None], self.semantic[None], self.visible[None])[0]


def control_planes(
    dense: UInt8[np.ndarray, "frames small small 3"],
    semantic: UInt8[np.ndarray, "frames small small"],
    visible: UInt8[np.ndarray, "frames small small"],
) -> Float32[np.ndarray, "frames planes small small"]:
    """Stack the controls: Cᵈ in -1..1, Cᵐ one-hot and visibility in 0..1."""
    places = dense.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    classes = semantic[:, None] == np.arange(CLASSES)[None, :, None, None]
    return np.concatenate([places, classes.astype(np.float32), visible[:, None].astype(np.float32)], 1)


def observe(
    reference: Reference, posed: Posed, window: Window, picture: UInt8[np.ndarray, "rows columns 3"]
) -> Conditions:
    """Look at one frame through the window.

    Args:
        reference: the portrait.
        posed: the body in this frame.
        window: of the face, in pixels of the picture.
        picture: the warped portrait of this frame.
    """
    places = window_places(reference, posed, window, CONTROL_SIDE)
    return Conditions(
        window.look(picture, SIDE),
        cv2.convertScaleAbs(places.dense, alpha=255),
        places.semantic,
        places.visible.view(np.uint8),
    )
