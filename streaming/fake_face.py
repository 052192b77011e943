"""A drawn face for looking at a room without a portrait: it blinks, sways, and moves its mouth."""

import math

import numpy as np
from jaxtyping import Bool, Float32

from models.motion.frame import EXPRESSION_INDEX, FPS, MotionFrame
from models.picture import Picture, Tier

_SKIN, _DARK, _LIP, _WHITE = (226, 178, 148), (48, 38, 44), (150, 66, 72), (248, 246, 242)
_HAIR, _SHIRT, _SHADE = (70, 48, 44), (52, 84, 128), (196, 148, 120)


class FakeFace:
    """Draws a picture [size, size, 3], RGB, as a function of time and mouth opening alone."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        self._y, self._x = axis[:, None], axis[None, :]
        self._backdrop = self._paint_backdrop()

    def draw(self, time_s: float, mouth: float) -> Picture:
        """Paint the face at `time_s` with the mouth opened by 0..1."""
        picture = self._backdrop.copy()
        sway_x, sway_y = 0.5 + 0.012 * math.sin(0.9 * time_s), 0.43 + 0.006 * math.sin(1.7 * time_s)
        breath = 0.004 * math.sin(1.5 * time_s)
        self._fill(picture, (0.5, 1.02 - breath), (0.37, 0.27), _SHIRT)
        self._fill(picture, (sway_x, sway_y + 0.24), (0.08, 0.16), _SHADE)
        self._fill(picture, (sway_x, sway_y - 0.07), (0.215, 0.235), _HAIR)
        self._fill(picture, (sway_x, sway_y), (0.185, 0.245), _SKIN)
        lids = 0.06 if time_s % 3.7 < 0.16 else 1.0
        for side in (-1, 1):
            eye = (sway_x + 0.078 * side, sway_y - 0.03)
            self._fill(picture, eye, (0.034, 0.021 * lids), _WHITE)
            self._fill(picture, eye, (0.015, 0.017 * lids), _DARK)
            self._fill(picture, (eye[0], eye[1] - 0.055), (0.042, 0.008), _HAIR)
        self._fill(picture, (sway_x, sway_y + 0.135), (0.062, 0.013 + 0.045 * mouth), _LIP)
        self._fill(picture, (sway_x, sway_y + 0.135), (0.05, 0.003 + 0.036 * mouth), _DARK)
        return picture

    def _paint_backdrop(self) -> Picture:
        shade = np.clip(1.15 - 0.9 * np.hypot(self._x - 0.42, self._y - 0.35), 0, 1)[..., None]
        return (shade * np.array([132, 150, 168], np.float32)).astype(np.uint8)

    def _fill(
        self,
        picture: Picture,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: tuple[int, int, int],
    ) -> None:
        """Fill an ellipse given in parts of the side; only its bounding box is touched."""
        rows, columns = self._span(centre[1], radii[1]), self._span(centre[0], radii[0])
        inside: Bool[np.ndarray, "rows columns"] = (
            self._squared(self._y[rows], centre[1], radii[1])
            + self._squared(self._x[:, columns], centre[0], radii[0])
        ) <= 1
        picture[rows, columns][inside] = colour

    def _span(self, centre: float, radius: float) -> slice:
        return slice(max(0, int((centre - radius) * self._size)), int((centre + radius) * self._size) + 1)

    @staticmethod
    def _squared(
        axis: Float32[np.ndarray, "..."], centre: float, radius: float
    ) -> Float32[np.ndarray, "..."]:
        return ((axis - centre) / radius) ** 2


class DrawnFace:
    """Fake `PictureStage`: the drawn face, its mouth as open as the jaw. State: frames drawn."""

    def __init__(self, size: int = 512) -> None:
        self._face = FakeFace(size)
        self._size = size

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._size

    def init_state(self) -> int:
        """Start at frame 0."""
        return 0

    def step(self, motion: MotionFrame, state: int, tier: Tier) -> tuple[Picture, int]:
        """Draw the face; see `PictureStage`."""
        mouth = float(motion.expression[EXPRESSION_INDEX["jawOpen"]])
        return self._face.draw(state / FPS, mouth), state + 1
