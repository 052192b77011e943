"""Bring the body onto the photo: face by landmarks, shoulders and arms by keypoints (paper section 3.1)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from models.body.body import Identity, shared_body
from models.body.rig import RIG, RIG_INDEX
from models.portrait.errors import PoorFitError
from models.portrait.face import CHIN, FOREHEAD, Face
from models.portrait.marks import fit_priors, shared_marks
from models.portrait.pose import Keypoints
from models.portrait.solve import FaceFit, MarkModel, fit_face

START_FOCAL: Final = 2.2
"""First guess of the focal length over the picture's side: a portrait lens, 36 degrees diagonally."""
MAX_ERROR: Final = 0.02
"""Mean landmark error, as a fraction of the face's height, above which the fit is refused."""
ARM_DOWN_RAD: Final = 0.62
"""From Anny's rest pose (arms held out) to hanging arms."""
_FREE: Final = (
    "clavicle_left",
    "clavicle_right",
    "shoulder_left",
    "shoulder_right",
    "elbow_left",
    "elbow_right",
)


@dataclass(frozen=True, slots=True)
class BodyFit:
    """The person of the photo in terms of the body model, and the camera that saw them."""

    shape: Float32[np.ndarray, "components"]
    expression: Float32[np.ndarray, "52"]
    rotations: Float32[np.ndarray, "joints 3"]
    """Reference pose θᵇ_ref: axis-angle of every joint of `RIG`."""
    translation: Float32[np.ndarray, "3"]
    """Camera = posed body + translation; camera axes x right, y up, z towards the viewer, metres."""
    focal_px: float
    error: float
    """Mean distance of the 478 landmarks before any residual, as a fraction of the face's height."""


def start_fit(marks: MarkModel, face: Face, side_px: float = 512.0) -> FaceFit:
    """Place a mean head where the tracker saw the face."""
    left, _, right = np.linalg.svd(face.rotation.astype(np.float64))
    rotation = left @ right
    focal = START_FOCAL * side_px
    distance = focal * np.linalg.norm(marks.mean[FOREHEAD] - marks.mean[CHIN]) / face.height_px
    offset = (face.points[:, :2].mean(0) - side_px / 2) * distance / focal
    translation = np.array([offset[0], -offset[1], -distance]) - rotation @ marks.mean.mean(0)
    return FaceFit(
        np.zeros(len(marks.shape)), np.clip(face.expression.astype(np.float64), 0, 1), rotation, translation,
        float(np.log(focal)),
    )  # fmt: skip


def fit_portrait(face: Face, keypoints: Keypoints, side_px: int) -> BodyFit:
    """Fit shape, expression, pose and camera to one photo.

    Raises:
        PoorFitError: the landmarks stay further away than `MAX_ERROR`.
    """
    marks, body = shared_marks(), shared_body()
    fit = fit_face(
        marks,
        face.points[:, :2].astype(np.float64),
        start_fit(marks, face, side_px),
        fit_priors(body.components),
        centre=side_px / 2,
        height_px=face.height_px,
    )
    if fit.error > MAX_ERROR:
        raise PoorFitError(
            f"The body model misses this face by {100 * fit.error:.1f} % of its height "
            f"(at most {100 * MAX_ERROR:.0f} %). Try a sharper photo, without hands or hair over the face."
        )
    identity = body.identity(fit.shape.astype(np.float32))
    rotations, translation = _fit_torso(identity, fit, keypoints, side_px)
    return BodyFit(
        fit.shape.astype(np.float32), fit.expression.astype(np.float32), rotations.astype(np.float32),
        translation.astype(np.float32), float(np.exp(fit.log_focal)), fit.error,
    )  # fmt: skip


def _fit_torso(
    identity: Identity, fit: FaceFit, keypoints: Keypoints, side_px: int
) -> tuple[Float64[np.ndarray, "joints 3"], Float64[np.ndarray, "3"]]:
    """Turn trunk and arms so that shoulders, elbows and wrists meet their keypoints; the head stays put."""
    head = Rotation.from_matrix(fit.rotation)
    facing = head.as_rotvec()
    focal = np.exp(fit.log_focal)
    start = np.zeros(3 + 3 * len(_FREE))
    start[:3] = (0.0, 0.5 * facing[1], 0.0)
    start[3 + 3 * 2 + 2], start[3 + 3 * 3 + 2] = -ARM_DOWN_RAD, ARM_DOWN_RAD
    spread = np.concatenate(
        [np.radians((6, 14, 6)), np.tile(np.radians((8, 8, 8)), 2), np.radians((30,) * 12)]
    )

    def assemble(
        parameters: Float64[np.ndarray, "21"],
    ) -> tuple[Float64[np.ndarray, "joints 3"], Float64[np.ndarray, "3"]]:
        rotations = np.zeros((len(RIG), 3))
        rotations[0] = parameters[:3]
        for i, name in enumerate(_FREE):
            rotations[RIG_INDEX[name]] = parameters[3 + 3 * i : 6 + 3 * i]
        return _head_held(rotations, identity, head, fit.translation)

    def miss(parameters: Float64[np.ndarray, "21"]) -> Float64[np.ndarray, "residuals"]:
        rotations, translation = assemble(parameters)
        joints = joint_positions(rotations, identity)[keypoints.joints] + translation
        seen = side_px / 2 + focal * joints[:, :2] / -joints[:, 2:] * (1, -1)
        error = (seen - keypoints.points) / (0.03 * side_px) * keypoints.confidence[:, None]
        return np.concatenate([error.ravel(), (parameters - start) / spread])

    return assemble(least_squares(miss, start, method="lm", max_nfev=400).x)


def _head_held(
    rotations: Float64[np.ndarray, "joints 3"],
    identity: Identity,
    head: Rotation,
    translation: Float64[np.ndarray, "3"],
) -> tuple[Float64[np.ndarray, "joints 3"], Float64[np.ndarray, "3"]]:
    """Share the turn between trunk and head among neck and head, and shift the body under the head."""
    between = (Rotation.from_rotvec(rotations[0]).inv() * head).as_rotvec() / 2
    rotations[RIG_INDEX["neck"]] = rotations[RIG_INDEX["head"]] = between
    at = RIG_INDEX["head"]
    wanted = head.apply(identity.joints[at].astype(np.float64)) + translation
    return rotations, wanted - joint_positions(rotations, identity)[at]


def joint_positions(
    rotations: Float64[np.ndarray, "joints 3"], identity: Identity
) -> Float64[np.ndarray, "joints 3"]:
    """Return where the joints are when the body is posed, in metres."""
    matrices = Rotation.from_rotvec(rotations).as_matrix()
    linear = np.empty((len(RIG), 3, 3))
    places = np.empty((len(RIG), 3))
    for j, joint in enumerate(RIG):
        if joint.parent < 0:
            linear[j], places[j] = matrices[j], identity.joints[j]
        else:
            linear[j] = linear[joint.parent] @ matrices[j]
            arm = identity.joints[j] - identity.joints[joint.parent]
            places[j] = places[joint.parent] + linear[joint.parent] @ arm
    return places
