"""The face layer: skin, lids and lips at full resolution, with eyeballs and the inside of the mouth."""

from dataclasses import dataclass, replace
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from models.body.rig import RIG_INDEX, Region
from models.controls.eyes import Eye, eye_angles, middles, unmoved, well_inside
from models.controls.raster import CpuRasterizer
from models.controls.reference import Posed, Reference
from models.controls.shade import (
    CAVITY,
    EYE_LEFT,
    EYE_RIGHT,
    SKIN,
    TEETH,
    TONGUE,
    keep_sharp,
    paint_flesh,
    shade,
)
from models.controls.smile import find_teeth
from models.controls.teeth import Teeth
from models.controls.visible import ever_visible

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Landmarks around the face, in order."""
FADE: Final = (0.01, 0.08)
"""Between these distances inside the oval, over the face's height, the face takes over from the sheet."""
OCCLUDERS: Final = 0.18
"""Skin this far outside the oval, over the face's height, still hides the mouth's lining behind it."""
SHADOW_TINT: Final = np.array([0.5, 1.0, 1.0], np.float32)
"""How much of each colour the shadow takes: light that comes off flesh is red. Of the teeth in 328 photos."""
LIP_SHADOW: Final = 0.018
"""How far the lips' shadow reaches into the mouth, over the face's height."""
RECESS_M: Final = 0.006
"""The mouth's lining counts as so much deeper: puckered lips push it through the chin."""
HIDDEN_M: Final = 0.012
"""Skin this far behind what the photo shows is not the face's: it is below the jaw, or behind it."""
TURNED_AWAY: Final = -0.3
"""Skin that looks further away than this in the photo never comes to the front."""
INSIDE: Final = (Region.EYE_LEFT, Region.EYE_RIGHT, Region.SOCKET, Region.MOUTH, Region.TONGUE)
_KINDS: Final = {
    Region.EYE_RIGHT: EYE_RIGHT, Region.EYE_LEFT: EYE_LEFT, Region.MOUTH: CAVITY, Region.TONGUE: TONGUE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FacePixels:
    """What the face layer says of a box of the picture."""

    left: int
    top: int
    source: Float32[np.ndarray, "height width 2"]
    """Where in the photo skin comes from, in pixels."""
    skin: Float32[np.ndarray, "height width"]
    """How much the skin's source counts against the sheet's, 0..1."""
    paint: Float32[np.ndarray, "height width 3"]
    """Colour of eyes and mouth, times `painted`."""
    painted: Float32[np.ndarray, "height width"]
    """How much of each pixel is eye or mouth, 0..1."""


@dataclass(frozen=True, slots=True)
class FaceLayer:
    """The face of one avatar, ready to be drawn in any pose."""

    vertices: Int32[np.ndarray, "used"]
    """Vertices of the body that the face needs."""
    triangles: Int32[np.ndarray, "triangles 3"]
    """Into `vertices`, then the teeth's."""
    kinds: UInt8[np.ndarray, "triangles"]
    photo: Float32[np.ndarray, "points 2"]
    """Where each point lies in the photo."""
    attributes: Float32[np.ndarray, "points 3"]
    """Skin: share against the sheet, 0, 0. Eyes: azimuth, elevation, 0. Teeth: `arc_mm`, 1 for the lower."""
    recess_m: Float32[np.ndarray, "used"]
    """How much deeper a vertex counts than it lies."""
    teeth: Teeth
    inside: Float32[np.ndarray, "side side 5"]
    """The photo, and how far it shows teeth or what turns with an eye; the same with the eyes' edges."""
    gaze: Int32[np.ndarray, "2 3"]
    """Points of the right eye and of the left, as `middles` finds them."""
    eyes: Float32[np.ndarray, "2 texels texels 3"]
    enamel: Float32[np.ndarray, "3"]
    """Colour of the lit teeth; tongue and gums are lit like them."""
    face_px: float
    """Height of the face in the photo."""

    @classmethod
    def build(cls, reference: Reference, *, prune: bool = True) -> Self:
        """Collect the face's triangles, colours and blend weights.

        Args:
            reference: the portrait.
            prune: leave out what can never be seen; worth its time from some dozen pictures on.
        """
        body = reference.body
        inside = _inside_oval(reference)
        share = np.clip((inside - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
        share = (share * share * (3 - 2 * share)).astype(np.float32)
        keep = np.isin(body.regions, INSIDE) | (
            (body.regions == Region.HEAD)
            & (inside[body.triangles].max(1) > -OCCLUDERS)
            & (reference.facing > TURNED_AWAY)
        )
        used = np.unique(body.triangles[keep])
        number = np.zeros(len(body.mean), np.int32)
        number[used] = np.arange(len(used))
        teeth, enamel = find_teeth(reference)
        kinds = np.zeros(keep.sum(), np.uint8)
        for region, kind in _KINDS.items():
            kinds[body.regions[keep] == region] = kind
        attributes = np.zeros((len(used) + len(teeth.rest), 3), np.float32)
        attributes[: len(used), 0] = share[used]
        recess_m = np.zeros(len(used), np.float32)
        _mark_insides(reference, number, attributes, recess_m)
        attributes[len(used) :, :2] = teeth.arc_mm
        # The lower arch is the second half.
        attributes[len(used) + len(teeth.rest) // 2 :, 2] = 1.0
        layer = cls(
            used.astype(np.int32),
            np.concatenate([number[body.triangles[keep]], teeth.triangles + len(used)]).astype(np.int32),
            np.concatenate([kinds, np.full(len(teeth.triangles), TEETH, np.uint8)]),
            np.zeros((len(attributes), 2), np.float32),
            attributes,
            recess_m,
            teeth,
            np.zeros((reference.avatar.side, reference.avatar.side, 5), np.float32),
            number[[middles(reference, region) for region in (Region.EYE_RIGHT, Region.EYE_LEFT)]],
            np.stack([Eye.build(reference, r).texture for r in (Region.EYE_RIGHT, Region.EYE_LEFT)]),
            enamel,
            reference.face_px,
        )
        if prune:
            seen = ever_visible(layer, reference)
            layer = replace(layer, triangles=layer.triangles[seen], kinds=layer.kinds[seen])
        layer._photograph(reference)
        return layer

    def _photograph(self, reference: Reference) -> None:
        """Note where every point lies in the photo, and where the photo shows the mouth's inside."""
        fit, side = reference.avatar.fit, reference.avatar.side
        posed = Posed(fit.expression, fit.rotations, reference.points, reference.depth)
        points, depth = self.place(reference, posed)
        self.photo[:] = points
        fragments = CpuRasterizer().rasterize(points, depth, self.triangles, side, side)
        kinds = np.where(fragments.triangle >= 0, self.kinds[fragments.triangle], SKIN)
        teeth = cv2.erode((kinds == TEETH).astype(np.uint8), np.ones((3, 3), np.uint8))
        eyes = np.isin(kinds, (EYE_RIGHT, EYE_LEFT))
        self.inside[..., :3] = reference.avatar.reference
        for channel, shown in ((3, teeth | well_inside(eyes, self.face_px)), (4, teeth | eyes)):
            soft = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 0.8)
            self.inside[..., channel] = np.clip(2.2 * soft - 0.6, 0, 1)

    def place(
        self,
        reference: Reference,
        posed: Posed,
    ) -> tuple[Float32[np.ndarray, "points 2"], Float32[np.ndarray, "points"]]:
        """Return pixels and depth of the face's points and the teeth behind them."""
        teeth = reference.identity.carry(
            self.teeth.pose(posed.expression), RIG_INDEX["head"], posed.rotations
        )
        placed, far = reference.project(teeth)
        return (
            np.concatenate([posed.points[self.vertices], placed]),
            np.concatenate([posed.depth[self.vertices] + self.recess_m, far]),
        )

    def draw(
        self, points: Float32[np.ndarray, "points 2"], depth: Float32[np.ndarray, "points"], side: int
    ) -> FacePixels:
        """Rasterise the placed points and colour eyes and mouth."""
        low = np.clip(np.floor(points.min(0)).astype(int) - 2, 0, side - 2)
        high = np.clip(np.ceil(points.max(0)).astype(int) + 2, low + 2, side)
        width, height = (high - low).tolist()
        at_rest = unmoved(points[self.gaze], self.photo[self.gaze], self.face_px)
        fragments = CpuRasterizer().rasterize(
            points - low.astype(np.float32), depth, self.triangles, height, width
        )
        source = np.zeros((height, width, 2), np.float32)
        skin = np.zeros((height, width), np.float32)
        paint = np.zeros((height, width, 3), np.float32)
        painted, mouth, flesh, sharp = np.zeros((4, height, width), np.float32)
        shade(
            fragments.triangle, fragments.barycentric, self.triangles, self.kinds, self.photo,
            self.attributes, self.inside, self.eyes, at_rest, self.enamel,
            source, skin, paint, painted, mouth, flesh, sharp,
        )  # fmt: skip
        self._fill_mouth(paint, mouth, flesh)
        soft, smooth = (cv2.GaussianBlur(layer, (5, 5), 0.8) for layer in (painted, paint))
        keep_sharp(smooth, paint, soft, sharp)
        return FacePixels(int(low[0]), int(low[1]), source, skin, smooth, soft)

    def _fill_mouth(
        self,
        paint: Float32[np.ndarray, "height width 3"],
        mouth: Float32[np.ndarray, "height width"],
        flesh: Float32[np.ndarray, "height width"],
    ) -> None:
        """Darken teeth towards the lips, for little light enters narrow openings; then lay the tongue in."""
        rows, columns = np.flatnonzero(mouth.max(1)), np.flatnonzero(mouth.max(0))
        if len(rows) == 0:
            return
        reach = LIP_SHADOW * self.face_px
        pad = int(2 * reach) + 1
        box = np.s_[
            max(rows[0] - pad, 0) : rows[-1] + pad + 1, max(columns[0] - pad, 0) : columns[-1] + pad + 1
        ]
        depth = cv2.GaussianBlur(mouth[box], (0, 0), reach)
        shadow = mouth[box] * np.clip(1 - 1.25 * depth, 0, 0.72)
        paint[box] *= 1 - shadow[..., None] * SHADOW_TINT
        paint_flesh(flesh, mouth, columns[0], columns[-1], self.enamel, paint)


def _inside_oval(reference: Reference) -> Float32[np.ndarray, "vertices"]:
    """Distance of each vertex inside the face's oval, over the face's height; -1 behind the face."""
    oval = reference.avatar.marks[list(OVAL)].astype(np.float32)
    distance = np.array(
        [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in reference.points], np.float32
    )
    front = reference.identity.rest[:, 2] > reference.identity.joints[RIG_INDEX["head"], 2]
    x, y = np.clip(reference.points.astype(int), 0, reference.avatar.side - 1).T
    front &= reference.depth < reference.fragments.depth[y, x] + HIDDEN_M
    return np.where(front, distance / reference.face_px, np.float32(-1))


def _mark_insides(
    reference: Reference,
    number: Int32[np.ndarray, "vertices"],
    attributes: Float32[np.ndarray, "points 3"],
    recess_m: Float32[np.ndarray, "used"],
) -> None:
    """Write the eyes' angles, and how much deeper the mouth's lining counts."""
    body = reference.body
    for region in (Region.EYE_LEFT, Region.EYE_RIGHT):
        ball = np.unique(body.triangles[body.regions == region])
        attributes[number[ball], :2] = eye_angles(reference, region)
    lining, skin = (
        np.unique(body.triangles[np.isin(body.regions, regions)])
        for regions in ((Region.MOUTH, Region.TONGUE), (Region.HEAD,))
    )
    recess_m[number[np.setdiff1d(lining, skin)]] = RECESS_M
