"""`Face`: landmarks, blendshapes and the turn of a head, as MediaPipe's face landmarker sees them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.assets import asset_path
from models.motion.frame import EXPRESSIONS

LANDMARKS: Final = 478
FOREHEAD, CHIN = 10, 152


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


def open_landmarker(*, video: bool, faces: int) -> Any:
    """Load the landmarker: for single pictures, or for the pictures of a video, one after another.

    Source: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
    """
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path("face_landmarker"))),
        running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
        num_faces=faces,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    return vision.FaceLandmarker.create_from_options(options)


def read_faces(result: Any, width: int, height: int) -> list[Face]:
    """Return the faces that the landmarker found in a picture of this size, in its order."""
    return [
        _face(marks, shapes, matrix, width, height)
        for marks, shapes, matrix in zip(
            result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True
        )
    ]


def _face(marks: Any, shapes: Any, matrix: Any, width: int, height: int) -> Face:
    points = np.array([(m.x * width, m.y * height, m.z * width) for m in marks], np.float32)
    scores = {shape.category_name: shape.score for shape in shapes}
    expression = np.array([scores.get(name, 0.0) for name in EXPRESSIONS], np.float32)
    linear = np.asarray(matrix, np.float32)[:3, :3]
    return Face(points, expression, linear / np.linalg.norm(linear, axis=0, keepdims=True))
