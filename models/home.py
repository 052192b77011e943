"""Where visavis keeps what it makes: avatars, and what it has checked."""

import os
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "VISAVIS_HOME"
"""Environment variable that moves everything elsewhere."""


def home() -> Path:
    """Return the folder everything is kept in: `$VISAVIS_HOME`, or `~/.local/share/visavis`.

    The folder need not exist yet; whoever writes into it makes it.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path.home() / ".local" / "share" / "visavis"


def avatars_root() -> Path:
    """Return the folder that holds one folder per avatar."""
    return home() / "avatars"
