"""Lids that fit the eyes of the photo, and meet when they shut.

The body's lids are rings of vertices around each eye, from the socket to the lashes. MediaPipe's landmarks
lie where lid and eyeball meet, a millimetre further from the eye's middle than the landmark model has the
body's lids: so the body's own edges are led to them. And its blink is one shape for all eyes, with the gain
of the lids' middle; in the corners it closes some eyes too far, and others not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float32, Int

from models.body.body import BodyModel, Identity, shared_body
from models.body.expression import ExpressionMap
from models.body.rig import Region
from models.motion.frame import EXPRESSION_INDEX
from models.portrait.face import CHIN, FOREHEAD
from models.portrait.marks import shared_marks

SIDES: Final = ("Left", "Right")
UPPER_MARKS: Final = {"Right": (246, 161, 160, 159, 158, 157), "Left": (466, 388, 387, 386, 385, 384)}
LOWER_MARKS: Final = {"Right": (7, 163, 144, 145, 153, 154), "Left": (249, 390, 373, 374, 380, 381)}
"""Landmarks on the edges of either lid, without the corners."""
UPPER_RING, LOWER_RING = 2, 1
"""Rings of vertices, counted from the socket, that the camera sees as edges of the lids."""
LASHES: Final = 0.006
"""The upper lid's lashes, and their shadow, are so much of the face's height, and fall with it."""
OVERLAP: Final = 0.009
"""Shut lids lie on one another by so much of the face's height, or the eyeball would show between them."""
LIFT_M: Final = 0.001
"""So much the lowered lid lies before the other."""
MOST: Final = 0.5
"""No point of a lid is moved by more, over how far its middle moves: beyond that it is the fit that errs."""
NARROWEST: Final = 0.04
"""An eye narrower than this over the face's height is turned away, and keeps the body's blink."""
See = Callable[[Identity, Float32[np.ndarray, "52"]], Float32[np.ndarray, "vertices 2"]]
"""From an expression to the vertices' pixels in the photo's pose."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of one eye's lids, as vertices from the person's right to their left."""

    upper: Int[np.ndarray, "upper"]
    lower: Int[np.ndarray, "lower"]

    @classmethod
    @cache
    def of(cls, side: str) -> "Edges":
        """Find those of the `Left` or the `Right` eye on the body."""
        body = shared_body()
        skin = body.triangles[body.regions == Region.HEAD]
        rim = np.intersect1d(skin, body.triangles[body.regions == Region.SOCKET])
        rim = rim[(body.mean[rim, 0] > 0) == (side == "Left")]
        rings = _rings(skin, rim, max(UPPER_RING, LOWER_RING) + 1)
        middle = float(body.mean[rim, 1].min() + body.mean[rim, 1].max()) / 2
        upper, lower = rings[UPPER_RING], rings[LOWER_RING]
        return cls(
            _ordered(upper[body.mean[upper, 1] > middle]), _ordered(lower[body.mean[lower, 1] <= middle])
        )


def on_edges(
    points: Float32[np.ndarray, "vertices 2"],
) -> tuple[Int[np.ndarray, "marks"], Float32[np.ndarray, "marks 2"]]:
    """Return the landmarks of the lids' edges, and where the body's edges lie at them.

    Args:
        points: the vertices in pixels.
    """
    numbers, vertices, weights = _anchors()
    return numbers, (points[vertices] * weights[..., None]).sum(1)


def lashes(marks: Float32[np.ndarray, "478 2"], face_px: float) -> Float32[np.ndarray, "marks 2"]:
    """Return how far from the landmarks of `on_edges` the lids reach into the eye, in pixels."""
    numbers = _anchors()[0]
    upper = np.isin(numbers, [mark for own in UPPER_MARKS.values() for mark in own])
    down = marks[CHIN] - marks[FOREHEAD]
    reach = np.where(upper, LASHES * face_px, 0.0)
    return (reach[:, None] * down / np.linalg.norm(down)).astype(np.float32)


@cache
def _anchors() -> tuple[Int[np.ndarray, "marks"], Int[np.ndarray, "marks 2"], Float32[np.ndarray, "marks 2"]]:
    """Return the lids' landmarks, and for each two vertices of the edge and their shares."""
    body, marks = shared_body(), shared_marks().mean
    numbers, vertices, weights = [], [], []
    for side in SIDES:
        edges = Edges.of(side)
        for edge, own in ((edges.upper, UPPER_MARKS[side]), (edges.lower, LOWER_MARKS[side])):
            across = body.mean[edge, 0]
            for mark in own:
                after = int(np.clip(np.searchsorted(across, marks[mark, 0]), 1, len(edge) - 1))
                low, high = across[after - 1], across[after]
                share = float(np.clip((marks[mark, 0] - low) / (high - low), 0, 1))
                numbers.append(mark)
                vertices.append(edge[[after - 1, after]])
                weights.append((1 - share, share))
    return np.array(numbers), np.array(vertices), np.array(weights, np.float32)


def meet(
    identity: Identity,
    fitted: Float32[np.ndarray, "52"],
    mapping: ExpressionMap,
    see: See,
    face_px: float,
) -> Identity:
    """Return the person with a blink that shuts their eyes; in the photo they look the same.

    Args:
        identity: the person at rest.
        fitted: the photo's expression.
        mapping: what a motion's blink of 1 is in this person's weights.
        see: where vertices of an expression are seen.
        face_px: the face's height in the photo.
    """
    for side in SIDES:
        blink = EXPRESSION_INDEX[f"eyeBlink{side}"]
        shut = fitted.copy()
        shut[blink] = mapping.kept[blink] + mapping.gain[blink]
        if shut[blink] > fitted[blink]:
            missing = _missing(Edges.of(side), see(identity, fitted), see(identity, shut), face_px)
            more = _along_blink(identity.model, side, missing)
            identity = _with_more(identity, blink, more, float(fitted[blink]))
    return identity


def _rings(
    skin: Int[np.ndarray, "triangles 3"], first: Int[np.ndarray, "ring"], count: int
) -> list[Int[np.ndarray, "ring"]]:
    """Return rings of vertices around each other, from the first outwards."""
    rings, seen = [first], first
    for _ in range(count - 1):
        around = np.unique(skin[np.isin(skin, rings[-1]).any(1)])
        rings.append(np.setdiff1d(around, seen))
        seen = np.union1d(seen, around)
    return rings


def _ordered(vertices: Int[np.ndarray, "edge"]) -> Int[np.ndarray, "edge"]:
    return vertices[np.argsort(shared_body().mean[vertices, 0])]


def _missing(
    edges: Edges,
    open_px: Float32[np.ndarray, "vertices 2"],
    shut_px: Float32[np.ndarray, "vertices 2"],
    face_px: float,
) -> Float32[np.ndarray, "upper"]:
    """Return what each point of the upper edge lacks to meet the lower, over how far its middle moves."""
    right, left = open_px[edges.lower[0]], open_px[edges.lower[-1]]
    width = float(np.linalg.norm(left - right))
    if width < NARROWEST * face_px:
        return np.zeros(len(edges.upper), np.float32)
    along = (left - right) / width
    down = np.array([-along[1], along[0]], np.float32)
    lower, upper = shut_px[edges.lower], shut_px[edges.upper]
    order = np.argsort(lower @ along)
    there = np.interp(upper @ along, (lower @ along)[order], (lower @ down)[order])
    lack = there + OVERLAP * face_px - upper @ down
    moved = float(((upper - open_px[edges.upper]) @ down).max())
    return np.clip(lack / max(moved, 1e-3), -MOST, MOST).astype(np.float32)


def _along_blink(
    body: BodyModel, side: str, missing: Float32[np.ndarray, "upper"]
) -> Float32[np.ndarray, "moved 3"]:
    """Move the whole lid with its edge, each column as that lacks, and lift it off the other."""
    upper = Edges.of(side).upper
    moves = np.zeros_like(body.mean)
    moves[body.expression_vertices] = body.expression[EXPRESSION_INDEX[f"eyeBlink{side}"]]
    travel = np.linalg.norm(moves, axis=1)
    across, columns = body.mean[:, 0], body.mean[upper, 0]
    share = np.minimum(travel / np.interp(across, columns, travel[upper]), 1.0)
    lack = np.interp(across, columns, missing)
    more = (share * lack)[:, None] * moves[upper[travel[upper].argmax()]]
    more[:, 2] += LIFT_M * travel / travel.max()
    return more[body.expression_vertices].astype(np.float32)


def _with_more(
    identity: Identity, blink: int, more: Float32[np.ndarray, "moved 3"], fitted: float
) -> Identity:
    """Add to a blink from the photo's weight on: at that weight nothing changes."""
    model = identity.model
    expression, rest = model.expression.copy(), identity.rest.copy()
    expression[blink] += more
    rest[model.expression_vertices] -= fitted * more
    return Identity(replace(model, expression=expression), rest, identity.joints)
