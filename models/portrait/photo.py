"""Open any picture file as upright RGB, and frame the person in a square."""

import io
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from models.portrait.errors import TooSmallError, UnreadablePhotoError

SIZE: Final = 512
"""Side of the reference picture in pixels."""
MAX_PIXELS: Final = 120_000_000
"""Larger pictures are refused before they are decoded."""
WORKING_SIDE: Final = 2048
"""Longer side that detection and framing work on; keeps a 50 megapixel photo in bounds."""
MIN_FACE_PX: Final = 64
"""Least height of the face in the source photo."""
BACKDROP: Final = (128, 128, 128)
"""What transparent pixels are laid over."""
FACE_FRACTION: Final = 0.30
"""Height of the face (brow to chin) in the frame, where the photo leaves the choice."""
KEPT: Final = (0.26, 0.55)
"""A photo whose face has this share of its side is kept whole."""
FACE_LINE: Final = 0.42
"""Height of the face's centre below the frame's top, as a fraction of its side."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def open_photo(photo: Path | bytes) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture file: EXIF rotation applied, any mode to RGB, alpha over grey, at most 2048 px.

    Raises:
        UnreadablePhotoError: no picture, broken, or above `MAX_PIXELS`.
    """
    source = io.BytesIO(photo) if isinstance(photo, bytes) else photo
    try:
        with Image.open(source) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePhotoError(
                    f"The picture has {image.width * image.height / 1e6:.0f} megapixels; "
                    f"at most {MAX_PIXELS / 1e6:.0f} can be opened. Scale it down first."
                )
            image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
            return np.asarray(_flatten(upright))
    except UnreadablePhotoError:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadablePhotoError(
            f"This file cannot be read as a picture ({error}). Try a JPEG, PNG or WebP."
        ) from error


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, (*BACKDROP, 255)), layer).convert("RGB")
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image, np.float32)
        return Image.fromarray((255 * values / max(float(values.max()), 1.0)).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def frame_person(
    photo: UInt8[np.ndarray, "height width 3"], face_box: Box
) -> UInt8[np.ndarray, "size size 3"]:
    """Cut a square around head and shoulders and scale it to `SIZE`. Arguments and errors: `frame_box`."""
    height, width = photo.shape[:2]
    return cut_frame(photo, frame_box(width, height, face_box))


def frame_box(width: int, height: int, face_box: Box) -> Box:
    """Return the square around head and shoulders.

    A square photo with a sensible face size is kept whole; otherwise the frame puts the face at
    `FACE_FRACTION` of its height, as far as the photo reaches.

    Args:
        width: of the photo in pixels.
        height: of the photo in pixels.
        face_box: the face, brow to chin.

    Raises:
        TooSmallError: the face is lower than `MIN_FACE_PX`.
    """
    x0, y0, x1, y1 = face_box
    face = max(y1 - y0, x1 - x0)
    if face < MIN_FACE_PX:
        raise TooSmallError(
            f"The face is only {face:.0f} pixels high; at least {MIN_FACE_PX} are needed. "
            "Use a larger photo or come closer."
        )
    limit = min(height, width)
    side = limit if KEPT[0] <= face / limit <= KEPT[1] else min(limit, face / FACE_FRACTION)
    left = np.clip((x0 + x1) / 2 - side / 2, 0, width - side)
    top = np.clip((y0 + y1) / 2 - FACE_LINE * side, 0, height - side)
    return float(left), float(top), float(left + side), float(top + side)


def cut_frame(photo: UInt8[np.ndarray, "height width 3"], frame: Box) -> UInt8[np.ndarray, "size size 3"]:
    """Cut a square out of a picture and scale it to `SIZE`."""
    cut = Image.fromarray(photo).resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=frame)
    return np.asarray(cut)
