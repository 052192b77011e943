"""Pictures as they travel over the avatar socket."""

import cv2
import numpy as np

from models.picture import Picture
from streaming.avatar.wire import EncodedPicture, Encoding


class UnfitPictureError(ValueError):
    """The avatar's pictures cannot travel in the encoding that was asked for."""


def check_encoding(encoding: Encoding, picture: Picture) -> None:
    """Raise `UnfitPictureError` where pictures like this cannot travel so: I420 halves both sides."""
    height, width = picture.shape[:2]
    if encoding == "i420" and (width % 2 or height % 2):
        raise UnfitPictureError(
            f"I420 takes even sides, and this avatar is {width} × {height}; take jpeg or rgb"
        )


def encode_picture(picture: Picture, encoding: Encoding, quality: int) -> EncodedPicture:
    """Return `picture` in JPEG, raw RGB, or I420 (planes Y, U, V; BT.601, limited range).

    About 2 ms for a JPEG of 512 × 512, so better done in a thread.
    """
    height, width = picture.shape[:2]
    if encoding == "jpeg":
        done, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        if not done:
            raise UnfitPictureError(f"{width} × {height} pixels make no JPEG")
        content = jpeg.tobytes()
    elif encoding == "i420":
        content = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes()
    else:
        content = np.ascontiguousarray(picture).tobytes()
    return EncodedPicture(encoding, width, height, content)
