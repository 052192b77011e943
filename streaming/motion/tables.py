"""The chances a packet starts from: `page/motion-tables.js`, one file for Python and JavaScript.

They were counted by `python -m streaming.motion.fit`; docs/motion-stream.md says on what.
"""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Final

TABLES: Final = ("tracked", "made")
"""Tracked motion trembles in the whole face; motion made by rules is smooth, and moves arms and fingers."""
BANDS: Final = (5, 8, 11)
"""First quality of the second and each further band; every band has its own chances."""
PREFIX: Final = "export default "


def band_of(quality: int) -> int:
    """Return the band a quality lies in."""
    return sum(quality >= first for first in BANDS)


@lru_cache(maxsize=1)
def _tables() -> list[list[list[int]]]:
    text = files("streaming").joinpath("page", "motion-tables.js").read_text("utf-8")
    tables = json.loads(text.partition(PREFIX)[2].rstrip().rstrip(";"))
    return [[_chances("".join(band)) for band in tables[name]] for name in TABLES]


def _chances(text: str) -> list[int]:
    return [256 * value + 128 for value in bytes.fromhex(text)]


def chances_of(table: int, quality: int) -> list[int]:
    """Return a fresh list of chances in 1/65536, for one packet."""
    return list(_tables()[table][band_of(quality)])
