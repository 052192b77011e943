"""One photograph as many: mirrored, in other colours, by a worse camera, and of somebody else.

There are a few hundred people to learn from, and the network soon knows them by heart: then it completes
mouths of theirs far better than a stranger's. Bent, tinted and lit anew they are strangers again.
"""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32

from models.body.rig import Region
from models.video.conditions import FIRST_CLASS
from training.pictures.camera import Camera
from training.pictures.part import RATIO, Change, Part, Picture

MIRRORED: Final = np.arange(len(Region) + 1)
MIRRORED[[Region.EYE_LEFT + 1, Region.EYE_RIGHT + 1]] = Region.EYE_RIGHT + 1, Region.EYE_LEFT + 1
KNOTS: Final = 5
"""A field of bends or of light is drawn at so many places along each side, and smooth between them."""
BEND: Final = 0.01
"""Standard deviation of its bends, over the side."""
STRETCH: Final = 0.05
"""The same of the matrix that turns, stretches and shears."""
TINT: Final = 0.05
"""The same of how much one colour takes of another."""
LIGHT: Final = 0.08
"""The same of the light's logarithm from place to place."""
TOGETHER: Final = 0.05
"""Places on the body closer than this, over its bounding box, are of one surface, and mix."""

Field = Float32[np.ndarray, "side side planes"]


def vary(part: Part, rng: np.random.Generator, blurred: float = 0.25, strangers: float = 0.0) -> Part:
    """Change a part, its target alike.

    Args:
        part: what was packed.
        rng: draws the changes.
        blurred: share of parts that a bad camera saw.
        strangers: share of parts that show somebody else.
    """
    if rng.random() < 0.5:
        part = mirrored(part)
    if rng.random() < 0.7:
        part = part.pictures(_colours(rng))
    if rng.random() < strangers:
        part = _bent(part.pictures(_tinted(rng, part.target.shape[1])), rng)
    if rng.random() < blurred:
        part = part.pictures(Camera.draw(rng).take)
    return part


def mirrored(part: Part) -> Part:
    """Return a part as a mirror shows it: the left eye is the right one, and across runs the other way."""
    controls = part.controls[..., ::-1].copy()
    controls[:, 0] *= -1
    controls[:, FIRST_CLASS : FIRST_CLASS + len(MIRRORED)] = controls[:, FIRST_CLASS + MIRRORED]
    return replace(part.pictures(lambda picture: picture[:, ::-1]), controls=controls)


def _colours(rng: np.random.Generator) -> Change:
    """Draw the light and the camera, for each channel."""
    level = np.linspace(0, 1, 256)[None] ** np.exp(rng.normal(0, 0.25))
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.06, (3, 1)))
    table = np.clip(255 * gain * level, 0, 255).astype(np.uint8).T[None]
    return lambda picture: cv2.LUT(picture, table)


def _tinted(rng: np.random.Generator, side: int) -> Change:
    """Draw other colours of skin, lips and hair, which leave grey as it is, and light from elsewhere."""
    mix = np.eye(3) + rng.normal(0, TINT, (3, 3))
    mix /= mix.sum(1, keepdims=True)
    light = np.exp(_field(rng.normal(0, LIGHT, (KNOTS, KNOTS, 1)), side))

    def change(picture: Picture) -> Picture:
        lit = cv2.transform(picture.astype(np.float32), mix) * light
        return np.clip(lit + 0.5, 0, 255).astype(np.uint8)

    return change


def _bent(part: Part, rng: np.random.Generator) -> Part:
    """Give a face other proportions."""
    side = part.target.shape[1]
    matrix = np.eye(2) + rng.normal(0, STRETCH, (2, 2))
    bends = rng.normal(0, BEND, (KNOTS, KNOTS, 2))
    fine, rough = (_way(matrix, bends, count) for count in (side, side // RATIO))
    pictures = part.pictures(lambda picture: _taken(picture, fine, cv2.INTER_CUBIC))
    return replace(pictures, controls=np.stack([_moved(frame, rough) for frame in part.controls]))


def _way(matrix: np.ndarray, bends: np.ndarray, side: int) -> Field:
    """Return where in a picture of this side each pixel of the bent one comes from, in pixels."""
    line = (np.arange(side) + 0.5) / side - 0.5
    straight = np.stack(np.meshgrid(line, line), -1) @ matrix.T
    return ((straight + 0.5 + _field(bends, side)) * side - 0.5).astype(np.float32)


def _field(knots: np.ndarray, side: int) -> Field:
    return (
        cv2.resize(knots, (side, side), interpolation=cv2.INTER_CUBIC)
        .reshape(side, side, -1)
        .astype(np.float32)
    )


def _moved(
    controls: Float32[np.ndarray, "planes small small"], way: Field
) -> Float32[np.ndarray, "planes small small"]:
    """Carry controls along; places on the body mix within a surface alone, classes never."""
    moved = np.stack([_taken(plane, way, cv2.INTER_NEAREST) for plane in controls])
    places = np.stack([_taken(plane, way, cv2.INTER_LINEAR) for plane in controls[:FIRST_CLASS]])
    within = np.abs(places - moved[:FIRST_CLASS]) < TOGETHER
    moved[:FIRST_CLASS][within] = places[within]
    return moved


def _taken(plane: np.ndarray, way: Field, how: int) -> np.ndarray:
    return cv2.remap(plane, way, None, how, borderMode=cv2.BORDER_REFLECT_101)
