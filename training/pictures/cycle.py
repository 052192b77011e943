"""The cycle warp: real photographs teach what the warp destroys.

A photo is warped to another pose; the result is the pseudo-reference, a portrait whose mouth, lids and
disoccluded skin are the warp's inventions. Warped back it should be the photo again, and is not: what is
missing is what there is to learn. The target is always a real photograph.
"""

from dataclasses import dataclass, replace

import numpy as np

from models.avatar import Avatar
from models.body.rig import RIG_INDEX, Region
from models.controls.eyes import IRIS
from models.controls.reference import Posed, Reference
from models.motion.frame import JOINTS, MotionFrame
from models.portrait.marks import shared_marks
from models.warp import WarpPicture
from training.pictures.poses import Pose, other_pose, photo_pose

IRIS_MARKS = 5


@dataclass(frozen=True, slots=True)
class Cycle:
    """One photo and one pseudo-reference of it."""

    photo: Avatar
    """The target is its `reference`."""
    pseudo: WarpPicture
    """The portrait that stands for the person."""
    motion: MotionFrame
    """What brings the pseudo-reference back to the photo."""


def cycle(warp: WarpPicture, seed: int) -> Cycle:
    """Warp a photo to a random pose, and make a portrait of the result.

    Args:
        warp: the photo, opened.
        seed: of the pose.
    """
    photo = warp.reference.avatar
    pose = other_pose(photo.fit, np.random.default_rng(seed))
    pseudo = WarpPicture(pseudo_avatar(warp, pose), photo.side, like=warp.reference)
    return Cycle(photo, pseudo, motion_to(pseudo.reference, photo_pose(photo.fit)))


def posed_as(reference: Reference, pose: Pose) -> Posed:
    """Pose the body by its own weights and rotations, instead of by motion."""
    turned = pose.turned()
    points, depth = reference.project(reference.identity.pose(pose.expression, turned))
    return Posed(pose.expression, turned, points + reference.residual, depth)


def pseudo_avatar(warp: WarpPicture, pose: Pose) -> Avatar:
    """Return the portrait of a person as the warp draws them in a pose."""
    reference = warp.reference
    photo, posed = reference.avatar, posed_as(reference, pose)
    picture, mask = warp.draw(posed)
    fit = replace(photo.fit, expression=pose.expression, rotations=pose.rotations)
    return replace(
        photo,
        reference=picture,
        mask=np.ascontiguousarray(mask),
        fit=fit,
        marks=_moved_marks(reference, posed, pose),
    )


def motion_to(reference: Reference, pose: Pose) -> MotionFrame:
    """Return the motion that brings a portrait into a pose of its person; fingers stay."""
    mapping, fit = reference.mapping, reference.avatar.fit
    moved = [RIG_INDEX[name] for name in JOINTS]
    return MotionFrame(
        ((pose.expression - mapping.kept) / mapping.gain).astype(np.float32),
        (pose.rotations - fit.rotations)[moved],
        np.zeros((2, 5), np.float32),
    )


def _moved_marks(reference: Reference, posed: Posed, pose: Pose) -> np.ndarray:
    """Move the photo's landmarks with the head and the face; the irises go with their eyeballs."""
    fit, model = reference.avatar.fit, shared_marks()

    def seen(expression: np.ndarray, rotations: np.ndarray) -> np.ndarray:
        rest = model.rest(fit.shape, expression).astype(np.float32)
        return reference.project(reference.identity.carry(rest, RIG_INDEX["head"], rotations))[0]

    marks = (
        reference.avatar.marks + seen(pose.expression, posed.rotations) - seen(fit.expression, fit.rotations)
    )
    for region in (Region.EYE_RIGHT, Region.EYE_LEFT):
        iris = np.s_[IRIS[region] : IRIS[region] + IRIS_MARKS]
        ball = np.unique(reference.body.triangles[reference.body.regions == region])
        way = reference.avatar.marks[iris][:, None] - reference.points[ball]
        far = (way**2).sum(-1) + 1e4 * (reference.depth[ball] - reference.depth[ball].min())
        nearest = ball[far.argmin(1)]
        marks[iris] = reference.avatar.marks[iris] + posed.points[nearest] - reference.points[nearest]
    return marks.astype(np.float32)
