"""Photo to avatar folder: the whole way, with progress, whole or not at all."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from models.avatar import CARD, POSTER, PREVIEW, Avatar, save_avatar
from models.motion.frame import MotionFrame
from models.ownership import NOBODYS, OPEN, Ownership
from models.picture import Tier
from models.portrait.errors import PortraitError
from models.portrait.fit import fit_portrait
from models.portrait.landmarks import FaceFinder, the_one_face
from models.portrait.person import paint_background, person_mask
from models.portrait.photo import SIZE, frame_person, open_photo
from models.portrait.pose import find_keypoints
from models.portrait.preview import draw_preview
from models.warp import WarpPicture

DEFAULT_NAME: Final = "eileen"
DEFAULT_TITLE: Final = "Eileen"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
Report = Callable[[str, float], None]


def create_avatar(
    photo: Path | bytes,
    name: str,
    root: Path,
    *,
    title: str | None = None,
    ownership: Ownership = NOBODYS,
    progress: Report,
) -> Path:
    """Make an avatar out of one photo and return its folder.

    Args:
        photo: a picture file or its bytes.
        name: folder name; lower-case letters, digits, `-` and `_`.
        root: folder of all avatars.
        title: what people see; the name when left out.
        ownership: who made it, and who may lend it their face in a call.
        progress: called with the stage and the fraction done so far.

    Raises:
        PortraitError: the name is not usable, or the photo cannot become an avatar.
    """
    if not _NAME.fullmatch(name):
        raise PortraitError(
            f"'{name}' cannot be an avatar's name: use 1 to 40 lower-case letters, digits, '-' and '_'."
        )
    progress("Opening the photo", 0.0)
    picture = open_photo(photo)
    progress("Finding the face", 0.1)
    with FaceFinder() as finder:
        framed = frame_person(picture, the_one_face(finder.search(picture)).box)
        face = the_one_face(finder.find(framed))
    progress("Fitting the body", 0.35)
    fit = fit_portrait(face, find_keypoints(framed), SIZE)
    progress("Cutting out the person", 0.7)
    mask = person_mask(framed)
    background = paint_background(framed, mask)
    progress("Saving", 0.9)
    avatar = Avatar(
        name, title or name, framed, np.round(255 * mask).astype(np.uint8), background, fit,
        face.points[:, :2].copy(),
    )  # fmt: skip
    warp = WarpPicture(avatar)
    poster, _ = warp.step(MotionFrame.rest(), warp.init_state(), Tier.WARP)
    folder = save_avatar(avatar, {PREVIEW: draw_preview(avatar), POSTER: poster}, root, ownership)
    progress("Done", 1.0)
    return folder


def default_avatar(root: Path, *, progress: Report) -> Path:
    """Return the default avatar's folder, making it first when it is missing.

    The portrait is Eileen Collins (NASA, public domain) as it comes inside scikit-image.
    """
    folder = root / DEFAULT_NAME
    if (folder / CARD).is_file():
        return folder
    return create_avatar(
        _encode(_default_photo()), DEFAULT_NAME, root, title=DEFAULT_TITLE, ownership=OPEN, progress=progress
    )


def _default_photo() -> UInt8[np.ndarray, "height width 3"]:
    import skimage.data

    return np.asarray(skimage.data.astronaut())


def _encode(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
