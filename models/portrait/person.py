"""Cut the person out, and paint the background behind them."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from models.assets import asset_path

FILL_SIDE: Final = 128
"""Side at which the background is inpainted; it is seen only in a thin rim around the moving person."""
RIM_FRACTION: Final = 0.02
"""How far the inpainted area reaches beyond the mask, over the picture's side: hair is wider than masks."""


def person_mask(picture: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "height width"]:
    """Return how much of each pixel is person, 0..1, edges following the picture.

    MediaPipe's selfie segmenter at 256 x 256, sharpened by a guided filter (He et al., 2010).
    """
    import mediapipe as mp
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.ImageSegmenterOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path("selfie_segmenter"))),
        output_confidence_masks=True,
        output_category_mask=False,
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        masks = segmenter.segment(image).confidence_masks
    coarse = np.array(masks[-1].numpy_view(), np.float32).reshape(picture.shape[:2])
    radius = max(picture.shape[0] // 64, 2)
    guide = picture.astype(np.float32) / 255
    fine = cv2.ximgproc.guidedFilter(guide, coarse, radius, 1e-4)
    return np.clip((fine - 0.1) / 0.8, 0, 1).astype(np.float32)


def paint_background(
    picture: UInt8[np.ndarray, "side side 3"], mask: Float32[np.ndarray, "side side"]
) -> UInt8[np.ndarray, "side side 3"]:
    """Return the picture with the person inpainted away (Telea, 2004, at low resolution)."""
    side = picture.shape[0]
    rim = max(int(RIM_FRACTION * side), 1)
    grown = cv2.dilate((mask > 0.05).astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    size = (FILL_SIDE, FILL_SIDE)
    keep = cv2.resize(1.0 - grown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weighted = picture.astype(np.float32) * (1.0 - grown[..., None])
    small = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA) / np.maximum(keep, 1e-3)[..., None]
    holes = (keep < 0.05).astype(np.uint8)
    filled = cv2.inpaint(np.clip(small, 0, 255).astype(np.uint8), holes, 4, cv2.INPAINT_TELEA)
    smooth = cv2.GaussianBlur(filled, (0, 0), 3.0)
    filled = np.where(holes[..., None] > 0, smooth, filled)
    large = cv2.resize(filled, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    blend = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), rim / 2)[..., None]
    return np.clip(picture * (1 - blend) + large * blend, 0, 255).astype(np.uint8)
