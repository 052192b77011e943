"""Portraits to measure on, fitted once and kept."""

import hashlib
import re
from pathlib import Path
from typing import Final

from models.avatar import CARD, Avatar, load_avatar
from models.home import home
from models.portrait.create import create_avatar

KINDS: Final = (".jpg", ".jpeg", ".png", ".webp")


def find_portraits(folder: Path, skip: int = 0, count: int | None = None) -> list[Path]:
    """Return the photos of a folder, by name.

    Args:
        folder: where they lie.
        skip: leave out the first so many: those that were trained on.
        count: take so many; all when left out.

    Raises:
        ValueError: none is left.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)
    chosen = paths[skip:] if count is None else paths[skip : skip + count]
    if not chosen:
        raise ValueError(
            f"{folder} holds {len(paths)} photos ({', '.join(KINDS)}), and none is left after {skip}"
        )
    return chosen


def fitted(photo: bytes, name: str, cache: Path | None = None) -> Avatar:
    """Return the avatar of a photo: the kept one, or a new one that is kept.

    Args:
        photo: the picture file's bytes; their sum is part of the avatar's name.
        name: what it is called.
        cache: folder of the kept avatars.

    Raises:
        PortraitError: the photo cannot become an avatar.
    """
    root = cache or home() / "evaluation"
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "photo"
    full = f"{plain}-{hashlib.sha256(photo).hexdigest()[:10]}"
    if not (root / full / CARD).is_file():
        create_avatar(photo, full, root, progress=lambda *_: None)
    return load_avatar(root / full)
