"""Face landmarks, blendshapes and person mask by MediaPipe Tasks."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from jaxtyping import Float32, UInt8

from models.assets import asset_path
from models.motion.frame import EXPRESSIONS
from models.portrait.errors import NoFaceError, SeveralFacesError, TurnedAwayError

LANDMARKS: Final = 478
FOREHEAD, CHIN = 10, 152
MAX_YAW_DEG: Final = 40.0
MAX_PITCH_DEG: Final = 32.0
LEAST_WINDOW_PX: Final = 160
"""Smallest square that is searched: a face in it would have too few pixels anyway."""
RIVAL: Final = 0.55
"""A second face at least this high, relative to the first, makes the choice unclear."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture."""

    points: Float32[np.ndarray, "478 3"]
    """Landmarks in pixels; z in the same scale, smaller is nearer."""
    expression: Float32[np.ndarray, "52"]
    """ARKit weights in the order of `EXPRESSIONS`."""
    rotation: Float32[np.ndarray, "3 3"]
    """Head to camera; camera axes are x right, y up, z towards the viewer."""

    @property
    def height_px(self) -> float:
        """Distance from the top of the forehead to the chin."""
        return float(np.linalg.norm(self.points[FOREHEAD, :2] - self.points[CHIN, :2]))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all landmarks."""
        low, high = self.points[:, :2].min(0), self.points[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def yaw_pitch_deg(self) -> tuple[float, float]:
        """How far the nose points sideways and up."""
        forward = self.rotation[:, 2]
        return (
            float(np.degrees(np.arctan2(forward[0], forward[2]))),
            float(np.degrees(np.arcsin(np.clip(forward[1], -1, 1)))),
        )


class FaceFinder:
    """The face landmarker with 478 points and 52 blendshapes. Not thread-safe; a context manager.

    Source: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
    """

    def __init__(self, max_faces: int = 3) -> None:
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(asset_path("face_landmarker"))),
            num_faces=max_faces,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)

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
        faces = [
            _face(marks, shapes, matrix, picture.shape[1], picture.shape[0])
            for marks, shapes, matrix in zip(
                result.face_landmarks,
                result.face_blendshapes,
                result.facial_transformation_matrixes,
                strict=True,
            )
        ]
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


def _face(marks: Any, shapes: Any, matrix: Any, width: int, height: int) -> Face:
    points = np.array([(m.x * width, m.y * height, m.z * width) for m in marks], np.float32)
    scores = {shape.category_name: shape.score for shape in shapes}
    expression = np.array([scores.get(name, 0.0) for name in EXPRESSIONS], np.float32)
    linear = np.asarray(matrix, np.float32)[:3, :3]
    return Face(points, expression, linear / np.linalg.norm(linear, axis=0, keepdims=True))


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
