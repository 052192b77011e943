"""Learn the person's teeth from a photo that shows them: their colour, and how low they reach."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float32

from models.body.rig import RIG_INDEX, Region
from models.controls.reference import Reference
from models.controls.teeth import COLUMNS, UPPER_EDGE_M, Teeth

AVERAGE_ENAMEL: Final = np.array([206, 183, 169], np.float32)
"""Colour of teeth under light that makes a light skin 215 bright; its shades are the median of 58 photos."""
LIT_SKIN: Final = 215.0
WHITE_OF_EYES: Final = np.array([1.0, 0.81, 0.775], np.float32)
"""Colour of the brightest fifth of the eyes under such light, over its red; the same photos."""
EYES_TELL: Final = 0.5
"""Exponent with which they tell the light's colour: with 1, noise of small eyes would tint teeth."""
LEAST_WHITE: Final = 0.35
"""Eyes whose brightest fifth is darker than this share of the skin show no white: they lie in shadow."""
LEAST_SHARE: Final = 0.25
"""Share of the mouth's inside that must look like teeth before they are believed."""
LEAST_PIXELS: Final = 16
LOWEST_EDGE_M: Final = 0.0095


def find_teeth(reference: Reference) -> tuple[Teeth, Float32[np.ndarray, "3"]]:
    """Return the person's teeth and the colour of their enamel, both average where the photo hides them."""
    shape = reference.avatar.fit.shape
    average = Teeth.build(shape)
    light = _skin_brightness(reference) / LIT_SKIN
    seen = _tooth_pixels(reference, light)
    if not seen.any():
        return average, AVERAGE_ENAMEL * np.float32(light) * _light_colour(reference, light)
    enamel = np.percentile(reference.avatar.reference[seen], 70, axis=0).astype(np.float32)
    return Teeth.build(shape, _upper_edge(reference, average, seen)), enamel


def _skin_brightness(reference: Reference) -> float:
    side = reference.avatar.side
    radius = max(int(0.2 * reference.face_px), 1)
    x, y = np.clip(reference.avatar.marks.mean(0).astype(int), 0, side - 1)
    patch = reference.avatar.reference[max(y - radius, 0) : y + radius, max(x - radius, 0) : x + radius]
    return float(np.clip(np.percentile(patch.max(-1), 75), 75, 236))


def _light_colour(reference: Reference, light: float) -> Float32[np.ndarray, "3"]:
    """Return the colour of the light by the whites of the eyes, 1 in its brightest channel."""
    eyes = _pixels_of(reference, Region.EYE_RIGHT, Region.EYE_LEFT)
    if eyes.sum() < LEAST_PIXELS:
        return np.ones(3, np.float32)
    white = np.percentile(reference.avatar.reference[eyes], 80, axis=0) / WHITE_OF_EYES
    if white.max() < LEAST_WHITE * LIT_SKIN * light:
        return np.ones(3, np.float32)
    tint = np.clip(white / max(float(white.max()), 1.0), 0.2, 1.0)
    return np.asarray(tint**EYES_TELL, np.float32)


def _tooth_pixels(reference: Reference, light: float) -> Bool[np.ndarray, "side side"]:
    """Bright and colourless pixels inside the lips; none where they are too few."""
    inside = _pixels_of(reference, Region.MOUTH, Region.TONGUE)
    colour = reference.avatar.reference.astype(np.float32)
    value = colour.max(-1)
    saturation = (value - colour.min(-1)) / np.maximum(value, 1)
    teeth = inside & (value > 120 * light) & (saturation < 0.4)
    enough = teeth.sum() >= max(LEAST_PIXELS, LEAST_SHARE * inside.sum())
    return teeth if enough else np.zeros_like(teeth)


def _pixels_of(reference: Reference, *regions: Region) -> Bool[np.ndarray, "side side"]:
    """Return where the photo shows these parts of the body."""
    triangle = reference.fragments.triangle
    return np.asarray((triangle >= 0) & np.isin(reference.body.regions[triangle], regions))


def _upper_edge(reference: Reference, average: Teeth, seen: Bool[np.ndarray, "side side"]) -> float:
    """Lower the average edge to where the visible teeth end, in metres below the lips' line."""
    fit = reference.avatar.fit
    head = reference.identity.carry(average.pose(fit.expression), RIG_INDEX["head"], fit.rotations)
    points, depth = reference.project(head)
    middle = points[COLUMNS // 2]
    rows, columns = np.nonzero(seen)
    central = np.abs(columns - middle[0]) < 0.08 * reference.face_px
    lowest = np.percentile(rows[central], 92) if central.any() else middle[1]
    lower_by = float(lowest - middle[1]) * float(depth[COLUMNS // 2]) / fit.focal_px
    return float(np.clip(UPPER_EDGE_M + lower_by, UPPER_EDGE_M, LOWEST_EDGE_M))
