"""The mark in the picture: who sees it should know that nobody was filmed."""

from typing import Any, Final

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw, ImageFont

from models.motion.frame import MotionFrame
from models.picture import Picture, PictureStage, Tier

TEXT: Final = "AI"
_HEIGHT: Final = 0.055
"""Height of the mark as a part of the picture's side."""
_MARGIN: Final = 0.022


class MarkedPicture:
    """A `PictureStage` that lays a small mark over the lower left corner of another's pictures."""

    def __init__(self, picture: PictureStage[Any]) -> None:
        self._picture = picture
        self._cover, self._ink = _mark(round(_HEIGHT * picture.size))
        self._margin = round(_MARGIN * picture.size)

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._picture.size

    def init_state(self) -> Any:
        """Return the other stage's state."""
        return self._picture.init_state()

    def step(self, motion: MotionFrame, state: Any, tier: Tier) -> tuple[Picture, Any]:
        """Draw and mark; see `PictureStage`."""
        picture, state = self._picture.step(motion, state, tier)
        marked = picture.copy()
        height, width = self._cover.shape
        bottom = self.size - self._margin
        place = marked[bottom - height : bottom, self._margin : self._margin + width]
        dimmed = place * (1.0 - 0.62 * self._cover[..., None])
        place[:] = (dimmed * (1.0 - self._ink[..., None]) + 255.0 * self._ink[..., None]).astype(np.uint8)
        return marked, state


def _mark(height: int) -> tuple[Float32[np.ndarray, "height width"], Float32[np.ndarray, "height width"]]:
    """Return the rounded plate and the letters on it, 0..1, drawn large and made small."""
    scale, height = 4, max(height, 8)
    width = round(1.5 * height)
    plate, ink = (Image.new("L", (scale * width, scale * height)) for _ in range(2))
    size = (0, 0, scale * width - 1, scale * height - 1)
    ImageDraw.Draw(plate).rounded_rectangle(size, radius=scale * height // 2, fill=255)
    font = ImageFont.load_default(size=round(0.62 * scale * height))
    middle = (scale * width / 2, scale * height / 2)
    ImageDraw.Draw(ink).text(middle, TEXT, fill=255, font=font, anchor="mm")
    small = [np.asarray(layer.resize((width, height), Image.Resampling.LANCZOS)) for layer in (plate, ink)]
    return small[0].astype(np.float32) / 255, small[1].astype(np.float32) / 255
