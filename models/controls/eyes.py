"""Eyeballs with a texture, so that a turning eye shows iris and white that the photo hides under the lids."""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int

from models.body.rig import Region
from models.controls.interpolate import interpolate
from models.controls.lids import Edges
from models.controls.reference import Reference

TEXELS: Final = 96
REACH_RAD: Final = 0.95
"""The texture spans this angle around the eye's axis, each way."""
IRIS: Final = {Region.EYE_RIGHT: 468, Region.EYE_LEFT: 473}
"""Landmark of the iris centre; the four after it lie on its edge."""
RIM: Final = 0.003
"""Width of an eye's edge over the face's height: lashes and the lids' shadow, which do not turn with it."""
MOVED: Final = (0.004, 0.012)
"""Between these shifts of an eye before its lids, over the face's height, its edge leaves the photo."""
AROUND: Final = 9.0
"""Texels over which hidden white is like the white that is seen."""


@dataclass(frozen=True, slots=True)
class Eye:
    """One eyeball's paint, over azimuth and elevation from its resting axis."""

    texture: Float32[np.ndarray, "texels texels 3"]

    @classmethod
    def build(cls, reference: Reference, region: Region) -> Self:
        """Collect what the photo shows of the eyeball, and complete iris and white from it."""
        body = reference.body
        ball = _ball(reference, region)
        angles = eye_angles(reference, region)
        seen = interpolate(reference.fragments, body.triangles, _spread(angles, ball, len(body.mean)))
        here = _region_mask(reference, region)
        sure = well_inside(here, reference.face_px)
        if sure.sum() < 12:
            sure = here
        if not sure.any():
            return cls(np.full((TEXELS, TEXELS, 3), 200, np.float32))
        colour = reference.avatar.reference[sure].astype(np.float32)
        middle, radius = _iris(reference, region, seen, here)
        return cls(_complete(seen[sure], colour, middle, radius))


def well_inside(eyes: Bool[np.ndarray, "side side"], face_px: float) -> Bool[np.ndarray, "side side"]:
    """Leave out the edge of what the photo shows of eyes."""
    rim = 2 * max(round(RIM * face_px), 1) + 1
    return cv2.erode(eyes.astype(np.uint8), np.ones((rim, rim), np.uint8)).astype(bool)


def eye_angles(reference: Reference, region: Region) -> Float32[np.ndarray, "ball 2"]:
    """Azimuth and elevation of the eyeball's vertices at rest, seen from its centre, in radians."""
    ball = _ball(reference, region)
    rest = reference.identity.rest[ball]
    arm = rest - rest.mean(0)
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    angle = np.arccos(np.clip(arm[:, 2], -1, 1))
    ring = np.maximum(np.hypot(arm[:, 0], arm[:, 1]), 1e-6)
    return np.stack([arm[:, 0], arm[:, 1]], 1) * (angle / ring)[:, None]


def middles(reference: Reference, region: Region) -> list[int]:
    """Return the vertices in the middle of an eye, of the lower lid's edge, and of the upper lid's."""
    ball = _ball(reference, region)
    front = ball[np.linalg.norm(eye_angles(reference, region), axis=1).argmin()]
    edges = Edges.of("Right" if region == Region.EYE_RIGHT else "Left")
    return [int(front), *(int(edge[len(edge) // 2]) for edge in (edges.lower, edges.upper))]


def unmoved(
    now: Float32[np.ndarray, "eyes 3 2"], photo: Float32[np.ndarray, "eyes 3 2"], face_px: float
) -> Float32[np.ndarray, "eyes"]:
    """Return 1 for an eye that is as in the photo, and 0 for one that turned, or is wider open.

    Args:
        now: the pixels of its `middles`.
        photo: the same in the photo.
        face_px: the face's height in the photo.
    """
    turned = np.linalg.norm((now[:, 0] - now[:, 1]) - (photo[:, 0] - photo[:, 1]), axis=1)
    wider, wide = (np.linalg.norm(eyes[:, 2] - eyes[:, 1], axis=1) for eyes in (now, photo))
    moved = np.maximum(turned, wider - wide) / face_px
    return np.clip((MOVED[1] - moved) / (MOVED[1] - MOVED[0]), 0, 1).astype(np.float32)


def _ball(reference: Reference, region: Region) -> Int[np.ndarray, "ball"]:
    return np.unique(reference.body.triangles[reference.body.regions == region])


def _spread(
    values: Float32[np.ndarray, "ball 2"], ball: np.ndarray, vertices: int
) -> Float32[np.ndarray, "vertices 2"]:
    out = np.zeros((vertices, 2), np.float32)
    out[ball] = values
    return out


def _region_mask(reference: Reference, region: Region) -> Bool[np.ndarray, "side side"]:
    triangle = reference.fragments.triangle
    return (triangle >= 0) & (reference.body.regions[triangle] == region)


def _iris(
    reference: Reference,
    region: Region,
    seen: Float32[np.ndarray, "side side 2"],
    here: Bool[np.ndarray, "side side"],
) -> tuple[Float32[np.ndarray, "2"], float]:
    """Return the iris' middle and radius in radians on the eyeball."""
    first = IRIS[region]
    marks = reference.avatar.marks[first : first + 5]
    rows = np.argwhere(here)
    pixels = rows[:, ::-1] + 0.5
    design = np.concatenate([pixels, np.ones((len(pixels), 1))], 1)
    to_angle, *_ = np.linalg.lstsq(design, seen[here], rcond=None)
    placed = np.concatenate([marks, np.ones((5, 1))], 1) @ to_angle
    return placed[0].astype(np.float32), float(np.linalg.norm(placed[1:] - placed[0], axis=1).mean())


def _complete(
    angles: Float32[np.ndarray, "seen 2"],
    colour: Float32[np.ndarray, "seen 3"],
    middle: Float32[np.ndarray, "2"],
    radius: float,
) -> Float32[np.ndarray, "texels texels 3"]:
    """Scatter the visible pixels, then fill the iris by its rings and the white by its surroundings."""
    line = (np.arange(TEXELS) + 0.5) / TEXELS * 2 * REACH_RAD - REACH_RAD
    grid = np.stack(np.meshgrid(line, line), -1).astype(np.float32)
    reach = np.linalg.norm(grid - middle, axis=-1) / radius
    place = np.clip(((angles + REACH_RAD) / (2 * REACH_RAD) * TEXELS), 0, TEXELS - 1).astype(int)
    total, count = _scattered(place, colour, 1.6)
    shown = total / np.maximum(count, 1e-6)
    trust = np.clip(count / 0.04, 0, 1)
    distance = np.linalg.norm(angles - middle, axis=1) / radius
    rings = _rings(distance, colour, reach)
    white = distance > 1.25
    edge = np.clip((reach - 0.95) / 0.15, 0, 1)[..., None]
    guess = rings * (1 - edge) + _white(place[white], colour[white]) * edge
    return (trust * shown + (1 - trust) * guess).astype(np.float32)


def _white(
    place: Int[np.ndarray, "seen 2"], colour: Float32[np.ndarray, "seen 3"]
) -> Float32[np.ndarray, "texels texels 3"]:
    """Continue the white beyond what is seen of it."""
    pale = np.percentile(colour, 60, axis=0) if len(colour) > 5 else np.full(3, 190.0)
    total, count = _scattered(place, colour, AROUND)
    return (total + 1e-4 * pale.astype(np.float32)) / (count + 1e-4)


def _scattered(
    place: Int[np.ndarray, "seen 2"], colour: Float32[np.ndarray, "seen 3"], spread: float
) -> tuple[Float32[np.ndarray, "texels texels 3"], Float32[np.ndarray, "texels texels 1"]]:
    """Return the sum of colours around each texel, and their number, by a Gaussian of so many texels."""
    total, count = np.zeros((TEXELS, TEXELS, 3), np.float32), np.zeros((TEXELS, TEXELS), np.float32)
    np.add.at(total, (place[:, 1], place[:, 0]), colour)
    np.add.at(count, (place[:, 1], place[:, 0]), 1)
    return cv2.GaussianBlur(total, (0, 0), spread), cv2.GaussianBlur(count, (0, 0), spread)[..., None]


def _rings(
    distance: Float32[np.ndarray, "seen"],
    colour: Float32[np.ndarray, "seen 3"],
    reach: Float32[np.ndarray, "texels texels"],
) -> Float32[np.ndarray, "texels texels 3"]:
    """Give each texel of the iris the mean colour of its distance from the middle."""
    centres = np.linspace(0, 1, 8)
    weight = np.exp(-(((distance[:, None] - centres) / 0.12) ** 2)) + 1e-6
    profile = (weight.T @ colour) / weight.sum(0)[:, None]
    return np.stack(
        [np.interp(np.clip(reach, 0, 1), centres, profile[:, channel]) for channel in range(3)], -1
    ).astype(np.float32)
