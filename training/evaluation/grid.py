"""Names of GRID clips, which are their sentences: http://spandh.dcs.shef.ac.uk/gridcorpus/."""

from typing import Final

_FIGURES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GRAMMAR: Final[tuple[dict[str, str], ...]] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(zip("z123456789", _FIGURES, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
"""Command, colour, preposition, letter, digit, adverb."""


def sentence_of(stem: str) -> str:
    """Return the sentence that a GRID file name encodes, e.g. `bbaf2n` → bin blue at f two now.

    Raises:
        ValueError: The name's last six letters are no GRID sentence.
    """
    code = stem.split("_")[-1]
    try:
        return " ".join(words[letter] for words, letter in zip(_GRAMMAR, code, strict=True))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{stem!r} is no GRID file name such as 'bbaf2n'") from error
