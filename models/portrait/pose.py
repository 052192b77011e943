"""Shoulders, elbows and wrists of the person, by MediaPipe's pose landmarker."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from models.assets import asset_path
from models.body.rig import RIG_INDEX

_POSE_JOINTS: Final = {
    11: "shoulder_left", 12: "shoulder_right", 13: "elbow_left", 14: "elbow_right",
    15: "wrist_left", 16: "wrist_right",
}  # fmt: skip
MARGIN: Final = 0.05
"""Keypoints further outside the picture than this fraction of its side are guesses and left out."""


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Joints seen in the picture; empty when no body was found."""

    joints: Int64[np.ndarray, "seen"]
    """Indices into `RIG`."""
    points: Float64[np.ndarray, "seen 2"]
    """Pixels."""
    confidence: Float64[np.ndarray, "seen"]


def find_keypoints(picture: UInt8[np.ndarray, "height width 3"]) -> Keypoints:
    """Detect the upper body of an RGB picture.

    Source: https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker
    """
    import mediapipe as mp
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path("pose_landmarker"))), num_poses=1
    )
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        found = landmarker.detect(
            mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        )
    height, width = picture.shape[:2]
    rows = []
    for number, joint in _POSE_JOINTS.items():
        for person in found.pose_landmarks[:1]:
            mark = person[number]
            inside = -MARGIN <= mark.x <= 1 + MARGIN and -MARGIN <= mark.y <= 1 + MARGIN
            if inside and mark.visibility > 0.3:
                rows.append((RIG_INDEX[joint], mark.x * width, mark.y * height, mark.visibility))
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Keypoints(table[:, 0].astype(np.int64), table[:, 1:3], table[:, 3])
