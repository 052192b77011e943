"""The faces of a photo, and which of them is meant."""

from dataclasses import replace
from typing import Final, Self

import numpy as np
from jaxtyping import UInt8

from models.portrait.errors import NoFaceError, SeveralFacesError, TurnedAwayError
from models.portrait.face import Face, open_landmarker, read_faces

MAX_YAW_DEG: Final = 40.0
MAX_PITCH_DEG: Final = 32.0
LEAST_WINDOW_PX: Final = 160
"""Smallest square that is searched: a face in it would have too few pixels anyway."""
RIVAL: Final = 0.55
"""A second face at least this high, relative to the first, makes the choice unclear."""


class FaceFinder:
    """The face landmarker with 478 points and 52 blendshapes. Not thread-safe; a context manager.

    Source: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
    """

    def __init__(self, max_faces: int = 3) -> None:
        self._landmarker = open_landmarker(video=False, faces=max_faces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()

    def find(self, picture: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """Return the faces of an RGB picture, the largest first; empty when there is none."""
        import mediapipe as mp

        result = self._landmarker.detect(
            mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        )
        faces = read_faces(result, picture.shape[1], picture.shape[0])
        return sorted(faces, key=lambda face: -face.height_px)

    def search(self, picture: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """Find faces that are small in the picture, too: look at the whole, then at overlapping squares.

        The detector behind the landmarks was made for faces that fill a fifth of the frame or more.
        """
        faces = self.find(picture)
        side = min(picture.shape[:2])
        while not faces and side >= LEAST_WINDOW_PX:
            faces = self._find_in_windows(picture, side)
            side //= 2
        return faces

    def _find_in_windows(self, picture: UInt8[np.ndarray, "height width 3"], side: int) -> list[Face]:
        found: list[Face] = []
        height, width = picture.shape[:2]
        for top in _starts(height, side):
            for left in _starts(width, side):
                for face in self.find(picture[top : top + side, left : left + side]):
                    placed = replace(face, points=face.points + np.array([left, top, 0], np.float32))
                    if not any(_same(placed, other) for other in found):
                        found.append(placed)
        return sorted(found, key=lambda face: -face.height_px)


def _starts(length: int, side: int) -> list[int]:
    """Return where windows begin that overlap by half."""
    return sorted({*range(0, length - side + 1, max(side // 2, 1)), length - side})


def _same(one: Face, other: Face) -> bool:
    gap = np.linalg.norm(one.points[:, :2].mean(0) - other.points[:, :2].mean(0))
    return bool(gap < 0.5 * max(one.height_px, other.height_px))


def the_one_face(faces: list[Face]) -> Face:
    """Return the person meant.

    Raises:
        NoFaceError: the list is empty.
        SeveralFacesError: a second face is nearly as large as the first.
        TurnedAwayError: the face is a profile, or seen from far above or below.
    """
    if not faces:
        raise NoFaceError("No face was found. Use a photo that shows one face from the front, well lit.")
    if len(faces) > 1 and faces[1].height_px > RIVAL * faces[0].height_px:
        raise SeveralFacesError(f"{len(faces)} faces were found. Crop the photo so that one person is in it.")
    yaw, pitch = faces[0].yaw_pitch_deg
    if abs(yaw) > MAX_YAW_DEG or abs(pitch) > MAX_PITCH_DEG:
        raise TurnedAwayError(
            f"The face is turned {abs(yaw):.0f}° sideways and {abs(pitch):.0f}° up or down; "
            f"at most {MAX_YAW_DEG:.0f}° and {MAX_PITCH_DEG:.0f}° work. Use a photo that faces the camera."
        )
    return faces[0]
