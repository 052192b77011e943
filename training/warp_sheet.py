"""Look at the warped portrait: `python -m training.warp_sheet PHOTO… --out sheet.jpg`.

One row for each photo: the photo itself, then eight motions.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from rich.progress import track

from models.avatar import load_avatar
from models.motion.frame import MotionFrame
from models.picture import Tier
from models.portrait.create import create_avatar
from models.warp import WarpPicture
from training.sheet import tile

Turns = dict[str, tuple[float, float, float]]
MOTIONS: Final[dict[str, tuple[Turns, dict[str, float]]]] = {
    "rest": ({}, {}),
    "aa": ({}, {"jawOpen": 0.55}),
    "oo": ({}, {"jawOpen": 0.15, "mouthPucker": 0.7, "mouthFunnel": 0.4}),
    "ee": ({}, {"jawOpen": 0.15, "mouthStretch": 0.4, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3}),
    "blink": ({}, {"eyeBlink": 1.0}),
    "look left": ({}, {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}),
    "turn": ({"neck": (0, 3, 0), "head": (0, 6, 0)}, {"jawOpen": 0.2}),
    "nod, breathe": (
        {"neck": (3, 0, 0), "head": (5, 0, 2), "clavicle_left": (0, 0, 2), "clavicle_right": (0, 0, -2)},
        {"eyeBlink": 0.2},
    ),
}
"""Rotations in degrees by joint, and weights; a weight without a side sets both."""


def row(photo: Path, root: Path) -> list[UInt8[np.ndarray, "side side 3"]]:
    """Fit one photo and move it."""
    avatar = load_avatar(create_avatar(photo, "sheet", root, progress=lambda *_: None))
    warp = WarpPicture(avatar)
    moved = [
        warp.step(MotionFrame.named(weights, turns), warp.init_state(), Tier.WARP)[0]
        for turns, weights in MOTIONS.values()
    ]
    return [avatar.reference, *moved]


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description="Contact sheet of warped portraits.")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tile", type=int, default=192, help="side of each picture in pixels")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        rows = [row(photo, Path(root)) for photo in track(options.photos, "Portraits")]
    pictures = [picture for line in rows for picture in line]
    Image.fromarray(tile(pictures, len(MOTIONS) + 1, options.tile)).save(options.out, quality=88)


if __name__ == "__main__":
    main()
