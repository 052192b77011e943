"""One packed example: a pseudo-reference, and four frames around the photo's pose."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8

from models.avatar import Avatar
from models.controls.window import MARGIN, Window
from models.video.conditions import SIDE, Conditions, observe
from models.warp import WarpPicture
from training.pictures.cycle import motion_to, posed_as, pseudo_avatar
from training.pictures.packed import Packed
from training.pictures.poses import Pose, near_pose, other_pose, small_turn

FRAMES: Final = 4
"""The first shows the photo itself; the others go on from there, drawn by the warp of the photo."""
INNER_LIPS: Final = (13, 14)
SHOWS_TEETH: Final = 0.025
"""Inner lips further apart than this, over the face's height, show what is behind them."""
WIDEST: Final = 0.3
"""Most that is added to the jaw's opening where the photo shows the mouth's inside."""
OF_CLOSED: Final = 0.3
"""Share of it where the photo hides it: there the target's mouth is the warp's invention, too."""


@dataclass(frozen=True, slots=True)
class PictureClip(Packed):
    """What the network sees, and what it is to make of it."""

    reference: UInt8[np.ndarray, "side side 3"]
    warp: UInt8[np.ndarray, "frames side side 3"]
    target: UInt8[np.ndarray, "frames side side 3"]
    dense: UInt8[np.ndarray, "frames small small 3"]
    semantic: UInt8[np.ndarray, "frames small small"]
    visible: UInt8[np.ndarray, "frames small small"]


def make_clip(warp: WarpPicture, seed: int, frames: int = FRAMES) -> PictureClip:
    """Make an example of a photo.

    Args:
        warp: the photo, opened.
        seed: of the pseudo-reference, the window and the way of the frames.
        frames: so many, at most `FRAMES`; the first is the photo itself.
    """
    rng = np.random.default_rng(seed)
    photo = warp.reference.avatar
    pseudo = WarpPicture(pseudo_avatar(warp, other_pose(photo.fit, rng)), photo.side, like=warp.reference)
    shown = pseudo.reference.avatar
    window = Window.around_face(shown.marks, photo.side, MARGIN * float(rng.uniform(0.9, 1.15)))
    targets: list[UInt8[np.ndarray, "side side 3"]] = []
    seen: list[Conditions] = []
    for pose in _way(photo, rng)[:frames]:
        picture, _ = warp.draw(posed_as(warp.reference, pose))
        targets.append(window.look(picture if seen else photo.reference, SIDE))
        posed = pseudo.reference.pose(motion_to(pseudo.reference, pose))
        seen.append(observe(pseudo.reference, posed, window, pseudo.draw(posed)[0]))
    return PictureClip(
        window.look(shown.reference, SIDE),
        np.stack([frame.warp for frame in seen]),
        np.stack(targets),
        np.stack([frame.dense for frame in seen]),
        np.stack([frame.semantic for frame in seen]),
        np.stack([frame.visible for frame in seen]),
    )


def _way(photo: Avatar, rng: np.random.Generator) -> list[Pose]:
    """Go from the photo's pose, turning the head a little and opening the mouth."""
    away = small_turn(photo.fit, rng)
    upper, lower = photo.marks[list(INNER_LIPS)]
    height = np.ptp(photo.marks[:, 1])
    widest = WIDEST * (1.0 if np.linalg.norm(lower - upper) > SHOWS_TEETH * height else OF_CLOSED)
    opening = float(rng.choice([0.0, 1.0, 1.0]) * rng.uniform(0, widest))
    drop = float(rng.choice([0.0, 1.0]) * rng.uniform(0, widest))
    shares = np.linspace(0, 1, FRAMES)
    return [near_pose(photo.fit, away, share, share * opening, share * drop) for share in shares]
