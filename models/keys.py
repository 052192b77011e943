"""The keys of one's own avatars, in a file that only its owner can read."""

import json
import os
import tempfile
from pathlib import Path

from models.home import home


def _file() -> Path:
    return home() / "keys.json"


def key_of(avatar: str) -> str:
    """Return the key of an avatar that was made here; empty where there is none."""
    try:
        keys = json.loads(_file().read_text("utf-8"))
    except FileNotFoundError:
        return ""
    return str(keys.get(avatar, ""))


def keep_key(avatar: str, key: str) -> None:
    """Keep an avatar's key; one kept before for this name goes."""
    target = _file()
    target.parent.mkdir(parents=True, exist_ok=True)
    keys = json.loads(target.read_text("utf-8")) if target.is_file() else {}
    keys[avatar] = key
    # A temporary file is readable by its owner alone, and stays so in its place.
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as file:
        json.dump(keys, file, indent=1, sort_keys=True)
    os.replace(file.name, target)
