"""The portrait in terms of the body: what the warp and the controls need of one avatar, made once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32
from scipy.interpolate import RBFInterpolator

from models.avatar import Avatar
from models.body.body import BodyModel, Identity, gazing_rotations, joint_rotations, shared_body
from models.body.expression import ExpressionMap
from models.body.rig import RIG_INDEX
from models.camera import project
from models.controls.lids import lashes, meet, on_edges
from models.controls.raster import CpuRasterizer, Fragments
from models.motion.frame import MotionFrame
from models.portrait.face import CHIN, FOREHEAD
from models.portrait.marks import shared_marks

SKIN_MARKS: Final = 468
"""The landmarks after these are irises, which turn."""
RESIDUAL_SMOOTHING: Final = 0.05
"""Thin-plate smoothing: landmarks are met to a twentieth of a pixel, without ripples between them."""
RESIDUAL_REACH: Final = 0.12
"""The residual fades out over this fraction of the face's height around the landmarks."""


@dataclass(frozen=True, slots=True)
class Posed:
    """The body in one frame, seen by the portrait's camera."""

    expression: Float32[np.ndarray, "52"]
    """This person's weights."""
    rotations: Float32[np.ndarray, "joints 3"]
    points: Float32[np.ndarray, "vertices 2"]
    """Pixels, residual included."""
    depth: Float32[np.ndarray, "vertices"]
    """Metres."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference picture seen through the body."""

    avatar: Avatar
    body: BodyModel
    identity: Identity
    residual: Float32[np.ndarray, "vertices 2"]
    """What the fit leaves over between landmarks and photo, spread over the vertices, in pixels."""
    points: Float32[np.ndarray, "vertices 2"]
    """Vertices in the photo, residual included, in pixels."""
    depth: Float32[np.ndarray, "vertices"]
    """Metres."""
    fragments: Fragments
    """The photo's own raster."""
    facing: Float32[np.ndarray, "triangles"]
    """Cosine between each triangle's normal and the line of sight; negative for what is turned away."""
    face_px: float
    """Height of the face."""

    mapping: ExpressionMap
    """From θᵉ to this person's weights."""
    places: Float32[np.ndarray, "vertices 6"]
    """Place on the template body, 0..1 of its bounding box, and pixel and depth in the photo."""

    def pose(self, motion: MotionFrame) -> Posed:
        """Pose the body and project it."""
        fit = self.avatar.fit
        weights = self.mapping(motion.expression)
        rotations = joint_rotations(MotionFrame(weights, motion.rotations, motion.curls), fit.rotations)
        points, depth = self.project(self.identity.pose(weights, rotations))
        return Posed(weights, rotations, points + self.residual, depth)

    def project(
        self, vertices: Float32[np.ndarray, "points 3"]
    ) -> tuple[Float32[np.ndarray, "points 2"], Float32[np.ndarray, "points"]]:
        """Return pixels and depth of posed points, as the camera sees them, without the residual."""
        fit = self.avatar.fit
        return project(vertices, fit.translation, fit.focal_px, self.avatar.side)


def open_reference(avatar: Avatar, like: Reference | None = None) -> Reference:
    """Pose the body as in the photo, close the landmark residual, let lids meet, and rasterise.

    Args:
        avatar: the fitted portrait.
        like: the same person in another picture, whose residual and lids are these.
    """
    body, fit = shared_body(), avatar.fit
    identity = body.identity(fit.shape) if like is None else like.identity
    vertices = _posed(avatar, identity, fit.expression)
    points, depth = project(vertices, fit.translation, fit.focal_px, avatar.side)
    face_px = float(np.linalg.norm(avatar.marks[FOREHEAD] - avatar.marks[CHIN]))
    mapping = ExpressionMap.of(fit.shape, fit.expression)
    if like is None:
        residual = _residual(avatar, identity, points, face_px)
        identity = _with_lids(avatar, identity, residual, mapping, face_px)
    else:
        residual = like.residual
    points = points + residual
    fragments = CpuRasterizer().rasterize(points, depth, body.triangles, avatar.side, avatar.side)
    facing = _facing(vertices + fit.translation, body)
    low, high = body.mean.min(0), body.mean.max(0)
    places = np.concatenate([(body.mean - low) / (high - low), points, depth[:, None]], 1).astype(np.float32)
    return Reference(
        avatar, body, identity, residual, points, depth, fragments, facing, face_px, mapping, places
    )


def _posed(
    avatar: Avatar, identity: Identity, expression: Float32[np.ndarray, "52"]
) -> Float32[np.ndarray, "vertices 3"]:
    return identity.pose(expression, gazing_rotations(expression, avatar.fit.rotations))


def _with_lids(
    avatar: Avatar,
    identity: Identity,
    residual: Float32[np.ndarray, "vertices 2"],
    mapping: ExpressionMap,
    face_px: float,
) -> Identity:
    fit = avatar.fit

    def see(person: Identity, expression: Float32[np.ndarray, "52"]) -> Float32[np.ndarray, "vertices 2"]:
        vertices = _posed(avatar, person, expression)
        return project(vertices, fit.translation, fit.focal_px, avatar.side)[0] + residual

    return meet(identity, fit.expression, mapping, see, face_px)


def _facing(seen: Float32[np.ndarray, "vertices 3"], body: BodyModel) -> Float32[np.ndarray, "triangles"]:
    a, b, c = (seen[body.triangles[:, corner]] for corner in range(3))
    normal, sight = np.cross(b - a, c - a), -(a + b + c)
    scale = np.linalg.norm(normal, axis=1) * np.linalg.norm(sight, axis=1) + 1e-12
    return ((normal * sight).sum(1) / scale).astype(np.float32)


def _residual(
    avatar: Avatar, identity: Identity, points: Float32[np.ndarray, "vertices 2"], face_px: float
) -> Float32[np.ndarray, "vertices 2"]:
    """Thin-plate spline through the landmark errors (Duchon, 1977), faded out beyond the face."""
    marks, fit = shared_marks(), avatar.fit
    rest = marks.rest(fit.shape, fit.expression)
    posed = identity.carry(rest.astype(np.float32), RIG_INDEX["head"], fit.rotations)
    seen, _ = project(posed, fit.translation, fit.focal_px, avatar.side)
    lids, edges = on_edges(points)
    seen[lids] = edges
    error = (avatar.marks - seen)[:SKIN_MARKS]
    error[lids] += lashes(avatar.marks, face_px)
    spline = RBFInterpolator(
        seen[:SKIN_MARKS], error, kernel="thin_plate_spline", smoothing=RESIDUAL_SMOOTHING
    )
    distance = np.sqrt(((points[:, None] - seen[None, :SKIN_MARKS]) ** 2).sum(-1).min(1))
    near = distance < 3 * RESIDUAL_REACH * face_px
    residual = np.zeros_like(points)
    fade = np.exp(-((distance[near] / (RESIDUAL_REACH * face_px)) ** 2))[:, None]
    residual[near] = spline(points[near]) * fade
    return residual.astype(np.float32)
