"""An avatar: one fitted portrait, and the folder it lives in."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image
from safetensors.numpy import load_file, save_file

from models.ownership import NOBODYS, Ownership, key_hash, new_key
from models.portrait.fit import BodyFit

FORMAT: Final = 1
CARD, ARRAYS = "avatar.json", "fit.safetensors"
PREVIEW, POSTER = "preview.png", "poster.png"
"""The photo beside the fitted mesh, and the first picture of every visit."""
_PICTURES: Final = ("reference", "mask", "background")


class AvatarNotFoundError(KeyError):
    """There is no avatar of this name, or its folder is not whole."""

    def __str__(self) -> str:
        """Show the message as it is; `KeyError` would quote it."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Avatar:
    """One fitted portrait."""

    name: str
    title: str
    reference: UInt8[np.ndarray, "side side 3"]
    """The photo, framed, RGB."""
    mask: UInt8[np.ndarray, "side side"]
    """How much of each pixel is person, 0..255."""
    background: UInt8[np.ndarray, "side side 3"]
    """The photo with the person painted away."""
    fit: BodyFit
    marks: Float32[np.ndarray, "478 2"]
    """Face landmarks of the photo in pixels."""

    @property
    def side(self) -> int:
        """Side of the square pictures in pixels."""
        return self.reference.shape[0]


def save_avatar(
    avatar: Avatar,
    extras: Mapping[str, UInt8[np.ndarray, "_ _ 3"]],
    root: Path,
    ownership: Ownership = NOBODYS,
) -> Path:
    """Write the avatar's folder under `root`, whole or not at all; an older one of the name is replaced.

    Args:
        avatar: the fitted portrait.
        extras: more pictures to keep, by file name: `PREVIEW`, `POSTER`.
        root: folder of all avatars.
        ownership: who made it, and who may drive it.
    """
    root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{avatar.name}-", dir=root))
    try:
        for name in _PICTURES:
            Image.fromarray(getattr(avatar, name)).save(scratch / f"{name}.png")
        for name, picture in extras.items():
            Image.fromarray(picture).save(scratch / name)
        arrays = {k: np.asarray(v, np.float32) for k, v in asdict(avatar.fit).items()}
        save_file({**arrays, "marks": avatar.marks}, scratch / ARRAYS)
        card = {"format": FORMAT, "name": avatar.name, "title": avatar.title, "fit_error": avatar.fit.error}
        card |= ownership.card()
        (scratch / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False))
        scratch.chmod(0o755)
        return _put_in_place(scratch, root / avatar.name)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _put_in_place(scratch: Path, folder: Path) -> Path:
    """Swap the finished folder in; readers see the old one or the new one."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        os.replace(folder, old / folder.name)
        os.replace(scratch, folder)
        shutil.rmtree(old)
    else:
        os.replace(scratch, folder)
    return folder


def load_avatar(folder: Path) -> Avatar:
    """Read an avatar's folder.

    Raises:
        AvatarNotFoundError: no such folder, or made by another version; names the avatars beside it.
    """
    card = _card(folder)
    if card["format"] != FORMAT:
        raise AvatarNotFoundError(
            f"Avatar '{folder.name}' has format {card['format']}, this version reads {FORMAT}. "
            "Make it again with `visavis avatar create`."
        )
    pictures = {name: np.asarray(Image.open(folder / f"{name}.png")) for name in _PICTURES}
    arrays = load_file(folder / ARRAYS)
    marks = arrays.pop("marks")
    fit = BodyFit(
        arrays["shape"], arrays["expression"], arrays["rotations"], arrays["translation"],
        float(arrays["focal_px"]), float(arrays["error"]),
    )  # fmt: skip
    return Avatar(
        card["name"],
        card["title"],
        pictures["reference"],
        pictures["mask"],
        pictures["background"],
        fit,
        marks,
    )


def list_avatars(root: Path) -> list[str]:
    """Return the names of the avatars under `root`, sorted."""
    return sorted(path.parent.name for path in root.glob(f"[!.]*/{CARD}")) if root.is_dir() else []


def read_ownership(folder: Path) -> Ownership:
    """Return who made an avatar, and who may drive it. Raises `AvatarNotFoundError`."""
    return Ownership.of(_card(folder))


def renew_key(folder: Path) -> str:
    """Give an avatar a new key, and return it; the one before is worth nothing any more.

    Raises:
        AvatarNotFoundError: no such folder.
    """
    card, key = _card(folder), new_key()
    card |= replace(Ownership.of(card), key_sha256=key_hash(key), is_open=False).card()
    partial = folder / f".{CARD}"
    partial.write_text(json.dumps(card, indent=2, ensure_ascii=False))
    partial.replace(folder / CARD)
    return key


def _card(folder: Path) -> dict[str, Any]:
    """Read an avatar's card. Raises `AvatarNotFoundError`."""
    if not (folder / CARD).is_file():
        known = ", ".join(list_avatars(folder.parent)) or "none yet"
        raise AvatarNotFoundError(f"There is no avatar '{folder.name}'. Known avatars: {known}.")
    return dict(json.loads((folder / CARD).read_text()))
