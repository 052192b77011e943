"""`Calm`: on a coarse portrait what is learned is taken back, as it is finer than its pictures can be.

A camera of few pixels, or a codec, leaves a face without its finest structure. The network adds some all the
same, and draws eyes that are not this person's. Around the mouth, of which a portrait shows least, a quarter
of its guess stays. How coarse a portrait is its own spectrum tells (docs/picture.md has the figures).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8
from numba import njit

from models.controls.reference import Posed, Reference
from models.controls.window import Window

FINE: Final = (0.81, 0.86)
"""Structure of one pixel over that of two: at the first a portrait is coarse, at the second it is not."""
SMALL: Final = 64
"""Side of the map of shares."""
SMOOTH: Final = 32
"""Side to which what is added is shrunk when only its broad part counts: eight pixels become one."""


class Share(NamedTuple):
    """What stays of that which is added, on a portrait as coarse as can be."""

    own: float
    """As it is."""
    broad: float
    """Besides, its broad part."""
    finer: float
    """Of the fine structure that comes last (`models.video.upscale`); more than 1 where it comes too weak."""


SKIN: Final = Share(0.3, 0.4, 1.6)
EYES: Final = Share(0.0, 0.0, 0.0)
MOUTH: Final = Share(0.25, 0.1, 0.0)


class Left(NamedTuple):
    """What is left for one portrait."""

    added: Float32[np.ndarray, "side side 3"]
    finer: Float32[np.ndarray, "small small"]
    """Share of fine structure by place."""


ALL: Final = np.ones((SMALL, SMALL), np.float32)


class Place(NamedTuple):
    """One part of the face: vertices around it, and how far it reaches from their middle."""

    vertices: Int[np.ndarray, "points"]
    reach: tuple[float, float]
    """To the sides and up and down, over the face's height."""
    share: Share


EYES_REACH: Final = (0.5, 0.3)
MOUTH_REACH: Final = (0.24, 0.17)
EYES_MARKS: Final = (33, 133, 159, 145, 105, 362, 263, 386, 374, 334)
"""Landmarks of both eyes: corners, lids, the brows above."""
MOUTH_MARKS: Final = (61, 291, 0, 17)
"""Corners of the mouth, the top and the bottom of the outer lips."""


@dataclass(frozen=True, slots=True)
class Calm:
    """How one portrait takes what is learned."""

    coarse: float
    """0 for a sharp portrait, 1 for one without fine structure."""
    window: Window
    face_px: float
    places: tuple[Place, ...]

    @classmethod
    def of(cls, reference: Reference, window: Window, side: int) -> Self:
        """Look at a portrait.

        Args:
            reference: the portrait.
            window: where the network looks.
            side: of its pictures.
        """
        eyes = Place(_nearest(reference, EYES_MARKS), EYES_REACH, EYES)
        mouth = Place(_nearest(reference, MOUTH_MARKS), MOUTH_REACH, MOUTH)
        fine = fineness(window.look(reference.avatar.reference, side))
        coarse = float(np.clip((FINE[1] - fine) / (FINE[1] - FINE[0]), 0, 1))
        return cls(coarse, window, reference.face_px, (eyes, mouth))

    def __call__(self, added: Float32[np.ndarray, "side side 3"], posed: Posed) -> Left:
        """Return what is left of that which is added to a posed body; all of it on a sharp portrait."""
        if self.coarse == 0.0:
            return Left(added, ALL)
        side = added.shape[0]
        places = self._shares(posed)
        shares = cv2.resize(places, (side, side), interpolation=cv2.INTER_LINEAR)
        small = cv2.resize(added, (SMOOTH, SMOOTH), interpolation=cv2.INTER_AREA)
        broad = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
        return Left(_mix(added, broad, shares), np.ascontiguousarray(places[..., 2]))

    def _shares(self, posed: Posed) -> Float32[np.ndarray, "small small 3"]:
        """Return, in each place, how much counts what is added, its broad part, and fine structure."""
        middles = [self.window.inside(posed.points[place.vertices], 1).mean(0) for place in self.places]
        reaches = [np.array(place.reach) * self.face_px / self.window.span for place in self.places]
        kept = [SKIN, *(place.share for place in self.places)]
        middle, reach, share = (np.array(values, np.float32) for values in (middles, reaches, kept))
        return _spread(SMALL, middle, reach, share, np.float32(self.coarse))


def fineness(picture: UInt8[np.ndarray, "side side 3"]) -> float:
    """Return a picture's structure of about one pixel over that of two; a blank picture has all."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    once, twice = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1, 2))
    middle = slice(len(grey) // 8, -len(grey) // 8)
    one, two = (float(np.std(part[middle, middle])) for part in (grey - once, once - twice))
    return one / two if two > 1e-6 else 1.0


def _nearest(reference: Reference, marks: tuple[int, ...]) -> Int[np.ndarray, "points"]:
    """Return the vertices that lie nearest to landmarks in the photo."""
    apart = reference.points[None] - reference.avatar.marks[list(marks), None]
    return np.argmin((apart**2).sum(-1), axis=1)


@njit(cache=True, nogil=True)
def _spread(small, middle, reach, share, coarse):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Lay the places over the skin, and the whole over what a sharp portrait keeps: all as it is."""
    out = np.empty((small, small, 3), np.float32)
    for y in range(small):
        for x in range(small):
            own, broad, finer = share[0]
            for i in range(len(middle)):
                across = ((x + 0.5) / small - middle[i, 0]) / reach[i, 0]
                along = ((y + 0.5) / small - middle[i, 1]) / reach[i, 1]
                near = np.exp(-(across**4) - along**4)
                own += near * (share[i + 1, 0] - own)
                broad += near * (share[i + 1, 1] - broad)
                finer += near * (share[i + 1, 2] - finer)
            out[y, x, 0] = 1 - coarse * (1 - own)
            out[y, x, 1] = coarse * broad
            out[y, x, 2] = 1 - coarse * (1 - finer)
    return out


@njit(cache=True, nogil=True)
def _mix(added, broad, shares):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    out = np.empty_like(added)
    for y in range(added.shape[0]):
        for x in range(added.shape[1]):
            for c in range(3):
                out[y, x, c] = shares[y, x, 0] * added[y, x, c] + shares[y, x, 1] * broad[y, x, c]
    return out
