"""Lay what the network adds onto the full-resolution warp: skin and cloth keep their pores and threads."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numba import njit

from models.body.rig import Region
from models.controls.window import Window

WIDE: Final = (0.3, 0.5)
"""From the first of these weights of the jaw on trust fades, and ends at the second."""
AWAY: Final = (1.0, 5.0)
"""The same for what lies around a head, by how many degrees it looks further aside than in its photo."""
FEATHER: Final = 0.07
"""Width of the window's soft edge, over its side."""


def feather(span: int) -> Float32[np.ndarray, "span"]:
    """Return how much counts what is added along one side of the window: nothing at its ends."""
    place = (np.arange(span, dtype=np.float32) + 0.5) / span
    rise = np.clip(np.minimum(place, 1 - place) / FEATHER, 0, 1)
    return (rise * rise * (3 - 2 * rise)).astype(np.float32)


def trust(
    semantic: UInt8[np.ndarray, "small small"], opening: float, away_deg: float, side: int
) -> Float32[np.ndarray, "side side"]:
    """Return how much counts what is added: all of it, but in two places.

    People who are photographed smile or keep their mouths shut. What is behind wide open jaws the network has
    hardly seen, and its guess is a veil; there the warp's teeth and tongue are better. And they look into the
    camera: the network has learned to bring heads back to the front. Around one that turns aside it
    would draw the ear and cheek that go out of view.

    Args:
        semantic: Cᵐ of the window.
        opening: weight of the jaw.
        away_deg: how much further aside the head looks than in the photo.
        side: of the result.
    """
    inside = cv2.dilate((semantic > Region.MOUTH).astype(np.float32), np.ones((3, 3), np.uint8))
    around = (semantic == 0).astype(np.float32)
    share = np.ones(semantic.shape, np.float32)
    for place, lost in ((inside, _rise(opening, WIDE)), (around, _rise(away_deg, AWAY))):
        if lost > 0:
            share -= np.float32(lost) * cv2.GaussianBlur(place, (0, 0), 0.8)
    return cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR)


def _rise(value: float, between: tuple[float, float]) -> float:
    return float(np.clip((value - between[0]) / (between[1] - between[0]), 0, 1))


def blend(
    picture: UInt8[np.ndarray, "rows columns 3"],
    added: Float32[np.ndarray, "side side 3"],
    window: Window,
    edge: Float32[np.ndarray, "span"],
    share: float,
) -> None:
    """Add to the picture inside the window, in place.

    Args:
        picture: the warp, whole.
        added: in 0..255 steps, at the network's resolution.
        window: where it lies.
        edge: see `feather`.
        share: how much of it, 0..1.
    """
    full = cv2.resize(added, (window.span, window.span), interpolation=cv2.INTER_CUBIC)
    _add(picture[window.box], full, edge, np.float32(share))


@njit(cache=True, nogil=True)
def _add(picture, added, edge, share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            weight = share * edge[y] * edge[x]
            for c in range(3):
                value = picture[y, x, c] + weight * added[y, x, c] + np.float32(0.5)
                picture[y, x, c] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
