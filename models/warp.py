"""`WarpPicture`: the warped portrait, moved by the body (paper section 3.2, the Cʷ of every frame).

Four layers: the painted background, the sheet (hair, neck, clothes), the face at full resolution, and eyes and
mouth. Sheet and face say where in the photo a pixel comes from; their answers are blended, not their
colours, so no edge shows twice.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from models.avatar import Avatar
from models.body.body import joint_rotations
from models.body.expression import ExpressionMap
from models.controls.face import FaceLayer, FacePixels
from models.controls.reference import open_reference
from models.controls.sheet import Sheet
from models.motion.frame import MotionFrame
from models.picture import Picture, Tier


@dataclass(frozen=True, slots=True)
class WarpState:
    """The warp remembers nothing; frames are independent."""


class WarpPicture:
    """A `PictureStage` without any learned part: the floor every other stage must beat.

    Thread-safe: nothing is written after construction.
    """

    def __init__(self, avatar: Avatar, size: int = 512) -> None:
        """Prepare one avatar (about a second).

        Args:
            avatar: the fitted portrait.
            size: side of the pictures in pixels; the photo's own side is sharpest.
        """
        self._size = size
        self._reference = open_reference(avatar)
        self._sheet = Sheet.build(self._reference)
        self._face = FaceLayer.build(self._reference)
        self._expression = ExpressionMap.of(avatar.fit.shape, avatar.fit.expression)
        self._person = np.dstack([avatar.reference, avatar.mask])
        self._background = avatar.background

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._size

    def init_state(self) -> WarpState:
        """Return the empty state."""
        return WarpState()

    def step(self, motion: MotionFrame, state: WarpState, tier: Tier) -> tuple[Picture, WarpState]:
        """Return the portrait in this pose. `tier` changes nothing: there is only the warp."""
        reference, fit = self._reference, self._reference.avatar.fit
        expression = self._expression(motion.expression)
        gazing = MotionFrame(expression, motion.rotations, motion.curls)
        rotations = joint_rotations(gazing, fit.rotations)
        points, depth = reference.project(reference.identity.pose(expression, rotations))
        side = reference.avatar.side
        small = self._sheet.source(reference, points, depth, side // 2)
        source = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
        face = self._face.draw(*self._face.place(reference, points, depth, expression, rotations), side)
        picture = self._compose(source, face)
        if self._size != side:
            picture = cv2.resize(picture, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return picture, state

    def _compose(
        self, source: Float32[np.ndarray, "side side 2"], face: FacePixels
    ) -> UInt8[np.ndarray, "side side 3"]:
        height, width = face.skin.shape
        box = np.s_[face.top : face.top + height, face.left : face.left + width]
        source[box] += face.skin[..., None] * (face.source - source[box])
        warped = cv2.remap(
            self._person, source - 0.5, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        alpha = warped[..., 3:].astype(np.uint16)
        picture = ((warped[..., :3] * alpha + self._background * (255 - alpha) + 127) // 255).astype(np.uint8)
        blend = face.painted[..., None]
        picture[box] = (picture[box] * (1 - blend) + face.paint * blend + 0.5).astype(np.uint8)
        return picture
