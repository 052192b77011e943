"""Which triangles can ever be seen: half of a head never comes to the front of a portrait.

The face is posed in the corners of what faces do, rasterised at twice the resolution, and every triangle that
wins a pixel stays, with its neighbours. What is left out costs nothing in any later frame.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Int32

from models.controls.raster import CpuRasterizer
from models.controls.reference import Posed, Reference
from models.motion.frame import MotionFrame

FINER: Final = 2
"""Resolution of the test over the picture's, so that small triangles hit a pixel."""
_TURNS_DEG: Final[tuple[tuple[float, float, float], ...]] = (
    (0, 0, 0),
    (0, 14, 0),
    (0, -14, 0),
    (12, 0, 4),
    (-10, 0, -4),
)
_FACES: Final[tuple[dict[str, float], ...]] = (
    {},
    {"jawOpen": 0.9, "eyeWide": 0.8, "eyeLookUp": 0.7},
    {"jawOpen": 0.3, "mouthPucker": 0.9, "mouthFunnel": 0.7, "eyeBlink": 0.5},
    {"mouthSmile": 0.9, "mouthUpperUp": 0.8, "mouthLowerDown": 0.8, "jawOpen": 0.2, "eyeLookIn": 0.7},
    {"mouthRollLower": 0.8, "mouthRollUpper": 0.8, "mouthPress": 0.6, "eyeBlink": 1.0},
    {"mouthShrugLower": 0.8, "mouthFrown": 0.8, "eyeLookOut": 0.7, "eyeLookDown": 0.7, "cheekPuff": 0.7},
)


class Placed(Protocol):
    """What can place its points for a pose; the face layer does."""

    @property
    def triangles(self) -> Int32[np.ndarray, "triangles 3"]:
        """Corners as indices into the placed points."""
        ...

    def place(
        self,
        reference: Reference,
        posed: Posed,
    ) -> tuple[Float32[np.ndarray, "points 2"], Float32[np.ndarray, "points"]]:
        """Return pixels and depth of all points."""
        ...


def ever_visible(layer: Placed, reference: Reference) -> Bool[np.ndarray, "triangles"]:
    """Return which triangles of the layer win a pixel in any sample pose, and their neighbours."""
    side = reference.avatar.side * FINER
    seen = np.zeros(len(layer.triangles), bool)
    for motion in _samples():
        placed, far = layer.place(reference, reference.pose(motion))
        winners = CpuRasterizer().rasterize(placed * FINER, far, layer.triangles, side, side).triangle
        seen[winners[winners >= 0]] = True
    near = np.zeros(int(layer.triangles.max()) + 1, bool)
    near[layer.triangles[seen]] = True
    return near[layer.triangles].any(1)


def _samples() -> Iterator[MotionFrame]:
    for turn, face in product(_TURNS_DEG, _FACES):
        yield MotionFrame.named(face, {"head": turn})
