"""`WarpPicture`: the warped portrait, moved by the body (paper section 3.2, the Cʷ of every frame).

Four layers: the painted background, the sheet (hair, neck, clothes), the face at full resolution, and
eyes and mouth. Sheet and face say where in the photo a pixel comes from; their answers are blended, not their
colours, so no edge shows twice.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

from models.avatar import Avatar
from models.controls.face import FaceLayer, FacePixels
from models.controls.reference import Posed, Reference, open_reference
from models.controls.sheet import Sheet
from models.motion.frame import MotionFrame
from models.picture import Picture, Tier

COARSER: Final = 4
"""The sheet's map is drawn at this part of the resolution: two samples to each of its quads."""
FINER: Final = 3
"""The photo is kept so many times as fine. Between its own pixels a bilinear mean takes the sharpness of
every frame; between these it takes little. Odd, so that a photo that does not move stays itself."""
SEAM: Final = 3.0
"""Where neighbours come from places so many of the photo's pixels apart, skin lies over skin."""


@dataclass(frozen=True, slots=True)
class WarpState:
    """The warp remembers nothing; frames are independent."""


class WarpPicture:
    """A `PictureStage` without any learned part: the floor every other stage must beat.

    Thread-safe: nothing is written after construction.
    """

    def __init__(self, avatar: Avatar, size: int = 512, *, like: Reference | None = None) -> None:
        """Prepare one avatar (about a second).

        Args:
            avatar: the fitted portrait.
            size: side of the pictures in pixels; the photo's own side is sharpest.
            like: the same person in another picture. Then it takes half the time, and each picture longer.
        """
        # One picture, one core: sessions share the cores, and OpenCV's own threads only get in their way.
        cv2.setNumThreads(1)
        self._size = size
        self._reference = open_reference(avatar, like)
        self._sheet = Sheet.build(self._reference)
        self._face = FaceLayer.build(self._reference, prune=like is None)
        person = np.dstack([avatar.reference, avatar.mask])
        self._person = cv2.resize(person, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LANCZOS4)
        self._background = avatar.background

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._size

    @property
    def reference(self) -> Reference:
        """The portrait in terms of the body."""
        return self._reference

    def init_state(self) -> WarpState:
        """Return the empty state."""
        return WarpState()

    def step(self, motion: MotionFrame, state: WarpState, tier: Tier) -> tuple[Picture, WarpState]:
        """Return the portrait in this pose. `tier` changes nothing: there is only the warp."""
        picture, _ = self.draw(self._reference.pose(motion))
        if self._size != self._reference.avatar.side:
            picture = cv2.resize(picture, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return picture, state

    def draw(self, posed: Posed) -> tuple[UInt8[np.ndarray, "side side 3"], UInt8[np.ndarray, "side side"]]:
        """Return the portrait of a posed body, as large as the photo, and where the person is, 0..255."""
        reference = self._reference
        side = reference.avatar.side
        small = self._sheet.source(reference, posed, side // COARSER)
        source = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
        face = self._face.draw(*self._face.place(reference, posed), side)
        return self._compose(source, face)

    def _compose(
        self, source: Float32[np.ndarray, "side side 2"], face: FacePixels
    ) -> tuple[UInt8[np.ndarray, "side side 3"], UInt8[np.ndarray, "side side"]]:
        height, width = face.skin.shape
        box = np.s_[face.top : face.top + height, face.left : face.left + width]
        _blend_sources(source[box], face.source, face.skin)
        source *= FINER
        source -= 0.5
        warped = cv2.remap(self._person, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        picture = np.empty((*source.shape[:2], 3), np.uint8)
        _lay_over(warped, self._background, picture)
        _soften_seams(source[box], face.skin, face.painted, picture[box].copy(), picture[box])
        _paint_over(picture[box], face.paint, face.painted)
        return picture, warped[..., 3]


@njit(cache=True, nogil=True)
def _blend_sources(source, face, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(source.shape[0]):
        for x in range(source.shape[1]):
            if share[y, x] > 0:
                for c in range(2):
                    source[y, x, c] += share[y, x] * (face[y, x, c] - source[y, x, c])


@njit(cache=True, nogil=True)
def _lay_over(warped, background, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Blend by the fourth channel in integers; (v + 1 + v / 256) / 256 is v / 255, rounded down."""
    one, eight, full = np.uint32(1), np.uint32(8), np.uint32(255)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            alpha = np.uint32(warped[y, x, 3])
            if alpha == 0 or alpha == full:  # nearly everywhere: either the person or what is behind
                for c in range(3):
                    out[y, x, c] = warped[y, x, c] if alpha else background[y, x, c]
                continue
            rest = full - alpha
            for c in range(3):
                v = np.uint32(warped[y, x, c]) * alpha + np.uint32(background[y, x, c]) * rest
                out[y, x, c] = np.uint8((v + one + (v >> eight)) >> eight)


@njit(cache=True, nogil=True)
def _soften_seams(source, skin, painted, sharp, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Mix neighbours where one lid, or lip, lies over the other: else their line is a staircase."""
    apart = SEAM * FINER
    for y in range(1, skin.shape[0] - 1):
        for x in range(1, skin.shape[1] - 1):
            if skin[y, x] < 1 or painted[y, x] > 0:
                continue
            seam = False
            for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                ny, nx = y + dy, x + dx
                if skin[ny, nx] == 1 and painted[ny, nx] == 0:
                    far = abs(source[ny, nx, 0] - source[y, x, 0]) + abs(source[ny, nx, 1] - source[y, x, 1])
                    seam = seam or far > apart
            if seam:
                for c in range(3):
                    total = np.int32(8)
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            total += np.int32(sharp[y + dy, x + dx, c]) * ((2 - abs(dy)) * (2 - abs(dx)))
                    out[y, x, c] = np.uint8(total >> 4)


@njit(cache=True, nogil=True)
def _paint_over(picture, paint, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            if share[y, x] > 0:
                for c in range(3):
                    picture[y, x, c] = np.uint8(paint[y, x, c] + (1 - share[y, x]) * picture[y, x, c])
