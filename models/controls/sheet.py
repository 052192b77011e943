"""The sheet: hair, clothes and neck move with the body below them.

A grid over the photo, a little larger than it, whose nodes are nailed to the surface they lie on. Nodes
beside the body (hair, collar, wide clothes) follow by harmonic extension: the smoothest movement that agrees
with the nailed ones. So nothing tears where the body model ends. The sheet is folded by depth, as the chin
is when it sinks over the neck.
"""

from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from models.body.body import BodyModel
from models.body.rig import RIG_INDEX, Region
from models.controls.interpolate import interpolate
from models.controls.raster import CpuRasterizer
from models.controls.reference import Posed, Reference
from models.kernels import gather

SPACING_PX: Final = 8
MARGIN_NODES: Final = 6
"""Nodes beyond the photo's edge, so that swaying never bares the frame."""
LEAST_FACING: Final = 0.4
"""Surface seen at a more grazing angle (cosine) is not nailed: it turns away under what lies on it."""
PERSON_REACH_PX: Final = 40
"""Nodes further than this from the person do not move: only background lies there."""
LEADERS: Final = 40
"""Nails that one free node listens to; those left out carry less than a few percent."""
NEAR_M, FAR_M = 0.05, 100.0
"""Depth of what is nearest, and of the nodes that stay."""
STEP_M: Final = 0.008
"""Where the depth rises by more within two pixels, the head ends and the neck behind it begins."""
HEAD_ALONE: Final = 0.8
"""Weight of the head's joint, from which on surface is the head's and not the neck's."""
NAILED: Final = (Region.TORSO, Region.HEAD, Region.HAND)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The grid, its nails, and how the rest follows."""

    nodes: Float32[np.ndarray, "nodes 2"]
    """Where the nodes lie in the photo, in pixels."""
    quads: Int32[np.ndarray, "triangles 3"]
    nailed: Int64[np.ndarray, "nailed"]
    """Nodes that lie on the body."""
    corners: Int32[np.ndarray, "nailed 3"]
    """Vertices around each nail."""
    weights: Float32[np.ndarray, "nailed 3"]
    free: Int64[np.ndarray, "free"]
    leaders: Int32[np.ndarray, "free leaders"]
    """Nails (as indices into `nailed`) that each free node hangs on. Nodes far from the person stay."""
    follow: Float32[np.ndarray, "free leaders"]
    """How much it follows each of them; rows sum to one."""
    side: int

    @classmethod
    def build(cls, reference: Reference) -> Self:
        """Nail the grid to the reference and solve how the rest follows."""
        side = reference.avatar.side
        line = np.arange(-MARGIN_NODES, side // SPACING_PX + MARGIN_NODES + 1) * SPACING_PX
        nodes = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2).astype(np.float32)
        inside = ((nodes >= 0) & (nodes < side)).all(1)
        pixel = np.clip(nodes.astype(int), 0, side - 1)
        firm = np.isin(reference.body.regions, NAILED) & (reference.facing > LEAST_FACING)
        hook = pixel.copy()
        nodes[inside], hook[inside] = _at_the_edge(reference, firm, pixel[inside])
        triangle = reference.fragments.triangle[hook[:, 1], hook[:, 0]]
        on_body = inside & (triangle >= 0) & firm[triangle]
        nailed, free = np.flatnonzero(on_body), np.flatnonzero(~on_body)
        at = hook[nailed]
        near = _near_person(reference, pixel)[free]
        leaders, follow = _follow(len(line), on_body, near)
        return cls(
            nodes, _quads(len(line)), nailed, reference.body.triangles[triangle[nailed]],
            reference.fragments.barycentric[at[:, 1], at[:, 0]], free[near], leaders, follow, side,
        )  # fmt: skip

    def source(
        self,
        reference: Reference,
        posed: Posed,
        side: int,
    ) -> Float32[np.ndarray, "side side 2"]:
        """Return where in the photo each pixel of a picture of `side` comes from, in photo pixels.

        Args:
            reference: the portrait the sheet was built for.
            posed: the body in this frame.
            side: side of the map; less than the picture's is enough, the sheet is smooth.
        """
        moved = np.concatenate([posed.points - reference.points, posed.depth[:, None]], 1)
        nails = gather(self.weights, self.corners, moved)
        motion = np.zeros((len(self.nodes), 3), np.float32)
        motion[:, 2] = FAR_M
        motion[self.nailed] = nails
        motion[self.free] = gather(self.follow, self.leaders, nails)
        scale = np.float32(side / self.side)
        placed = (self.nodes + motion[:, :2]) * scale
        fragments = CpuRasterizer().rasterize(
            placed, np.maximum(motion[:, 2], NEAR_M), self.quads, side, side
        )
        return self._completed(interpolate(fragments, self.quads, self.nodes), scale)

    def _completed(
        self, source: Float32[np.ndarray, "side side 2"], scale: np.float32
    ) -> Float32[np.ndarray, "side side 2"]:
        """Let pixels that the sheet has left bare show what they show in the photo.

        A great turn can pull the sheet's margin into the picture; looking up a NaN takes OpenCV minutes.
        """
        bare = np.isnan(source[..., 0])
        if bare.any():
            rows, columns = np.nonzero(bare)
            source[rows, columns] = (np.stack([columns, rows], 1).astype(np.float32) + 0.5) / scale
        return source


def _skull(body: BodyModel) -> Bool[np.ndarray, "triangles"]:
    """Return which part of the surface turns with the head alone; the neck turns by half."""
    share = (body.skin_weights * (body.skin_joints == RIG_INDEX["head"])).sum(1)
    return (body.regions == Region.HEAD) & (share[body.triangles].mean(1) > HEAD_ALONE)


def _at_the_edge(
    reference: Reference, firm: Bool[np.ndarray, "triangles"], pixel: Int64[np.ndarray, "nodes 2"]
) -> tuple[Float32[np.ndarray, "nodes 2"], Int64[np.ndarray, "nodes 2"]]:
    """Return where each node lies in the photo, and the pixel that it hangs on.

    The edge of jaw and chin runs between nodes. Those just behind it are moved to it and hang on the head.
    Were they the neck's, a closing jaw would draw the edge out to them, with teeth like a saw's; and were
    they the head's where they are, a chin that sinks would take along what lies below it.
    """
    triangle = reference.fragments.triangle
    depth = interpolate(reference.fragments, reference.body.triangles, reference.depth[:, None])[..., 0]
    head = (triangle >= 0) & _skull(reference.body)[triangle]
    beside = cv2.dilate(np.nan_to_num(depth), np.ones((5, 5), np.uint8))
    within = cv2.erode(head.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    at_edge, holds = within & (beside - depth > STEP_M), head & firm[triangle]
    if not (at_edge.any() and holds.any()):
        return pixel.astype(np.float32), pixel
    edge, held = _nearest(at_edge), _nearest(holds)
    column, row = pixel.T
    x, y = edge[:, row, column]
    there = np.stack([x, y], 1)
    behind = ~head[row, column] & (np.nan_to_num(depth[row, column] - depth[y, x]) > STEP_M)
    behind &= np.abs(pixel - there).max(1) <= SPACING_PX
    nodes, hook = pixel.astype(np.float32), pixel.copy()
    nodes[behind], hook[behind] = there[behind], held[:, y, x].T[behind]
    return nodes, hook


def _nearest(where: Bool[np.ndarray, "side side"]) -> Int64[np.ndarray, "2 side side"]:
    """Return column and row of the nearest pixel that is one of these, for every pixel."""
    return distance_transform_edt(~where, return_distances=False, return_indices=True)[::-1].astype(np.int64)


def _near_person(reference: Reference, pixel: Int64[np.ndarray, "nodes 2"]) -> Bool[np.ndarray, "nodes"]:
    reach = np.ones((2 * PERSON_REACH_PX + 1,) * 2, np.uint8)
    grown = cv2.dilate(reference.avatar.mask, reach) > 0
    return grown[pixel[:, 1], pixel[:, 0]]


def _quads(count: int) -> Int32[np.ndarray, "triangles 3"]:
    first = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    upper = np.stack([first, first + 1, first + count], 1)
    lower = np.stack([first + 1, first + count + 1, first + count], 1)
    return np.concatenate([upper, lower]).astype(np.int32)


def _follow(
    count: int, nailed: Bool[np.ndarray, "nodes"], wanted: Bool[np.ndarray, "free"]
) -> tuple[Int32[np.ndarray, "wanted leaders"], Float32[np.ndarray, "wanted leaders"]]:
    """Solve Laplace's equation on the grid with the nails given; keep each node's strongest leaders."""
    laplace = _laplacian(count)
    free = ~nailed
    coupling = -laplace[free][:, nailed]
    rim = np.flatnonzero(np.asarray(np.abs(coupling).sum(0)).ravel() > 0)
    whole = splu(laplace[free][:, free].tocsc()).solve(coupling[:, rim].toarray())[wanted]
    strongest = np.argsort(-whole, axis=1)[:, :LEADERS]
    follow = np.take_along_axis(whole, strongest, 1)
    follow /= np.maximum(follow.sum(1, keepdims=True), 1e-9)
    return rim[strongest].astype(np.int32), follow.astype(np.float32)


def _laplacian(count: int) -> csr_matrix:
    """Graph Laplacian of a square grid of `count` x `count` nodes."""
    index = np.arange(count * count).reshape(count, count)
    across = np.stack([index[:, :-1], index[:, 1:]], -1).reshape(-1, 2)
    down = np.stack([index[:-1], index[1:]], -1).reshape(-1, 2)
    pairs = np.concatenate([across, down])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    links = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count**2, count**2))
    return csr_matrix(diags(np.asarray(links.sum(1)).ravel()) - links)
