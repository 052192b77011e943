"""What the corpus' synthetic voices say: templates of our own, and prose of Debian's `fortunes`.

Without that package the templates alone suffice.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from training.corpus.templates import TEMPLATES, fill

FORTUNES: Final = Path("/usr/share/games/fortunes")
"""Where Debian's package `fortunes` puts its files (https://packages.debian.org/fortunes)."""
_BOOKS: Final = (
    "computers", "education", "food", "fortunes", "goedel", "kids", "law", "literature", "love", "magic",
    "medicine", "miscellaneous", "news", "paradoxum", "people", "pets", "platitudes", "riddles", "science",
    "sports", "startrek", "tao", "wisdom", "work",
)  # fmt: skip
"""The files with prose that one can read to anybody."""
_PROSE: Final = re.compile(r"[A-Z][A-Za-z0-9 ,.;:'!?-]+[.!?]")
_UNSPEAKABLE: Final = re.compile(r"\b[A-Z]{4,}\b|\.\.|\d{5}")
"""Shouting, dots that stand for something left out, long numbers."""
_WORDS: Final = range(3, 26)


def sentences(seed: int, count: int, fortunes: Path = FORTUNES) -> list[str]:
    """Return `count` different sentences, the same for the same seed: half prose, half templates."""
    random = np.random.default_rng(seed)
    prose = sorted(set(_prose(fortunes)))
    random.shuffle(prose)
    found = dict.fromkeys(prose[: count // 2])
    while len(found) < count:
        found[fill(str(random.choice(TEMPLATES)), random)] = None
    mixed = list(found)
    random.shuffle(mixed)
    return mixed


def _prose(folder: Path) -> Iterator[str]:
    """Yield the clean paragraphs of the fortunes: ASCII, no quotations, no authors, 3 to 25 words."""
    for book in _BOOKS:
        path = folder / book
        text = path.read_text("utf-8", errors="ignore") if path.is_file() else ""
        for fortune in text.split("\n%\n"):
            line = " ".join(fortune.partition("\n\t\t--")[0].replace("--", ", ").split()).replace(" ,", ",")
            if is_clean(line):
                yield line


def is_clean(line: str) -> bool:
    """Tell whether a line can be read aloud as it stands."""
    return bool(_PROSE.fullmatch(line) and len(line.split()) in _WORDS and not _UNSPEAKABLE.search(line))
