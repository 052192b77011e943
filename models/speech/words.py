"""Text as it is read out: words, and how each is pronounced."""

import re
from collections.abc import Callable
from typing import Final

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_GROUPS: Final = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_SIGNS: Final = {
    "%": " percent ",
    "&": " and ",
    "+": " plus ",
    "=": " equals ",
    "@": " at ",
    "$": " dollars ",
}
_FUNCTION_WORDS: Final = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "could", "do", "for", "from",
    "had", "has", "have", "he", "her", "him", "his", "i", "if", "in", "is", "it", "its", "me", "my",
    "of", "on", "or", "our", "shall", "she", "should", "so", "than", "that", "the", "their", "them",
    "then", "there", "they", "this", "to", "us", "was", "we", "were", "which", "who", "will",
    "with", "would", "you", "your",
})  # fmt: skip
_VOWELS: Final = frozenset({
    "AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW",
})  # fmt: skip


def is_vowel(symbol: str) -> bool:
    """Tell whether an ARPAbet symbol without stress digit is a vowel."""
    return symbol in _VOWELS


def spell_number(number: int) -> list[str]:
    """Return the words of a whole number, e.g. 214 → two hundred fourteen."""
    if number < 20:
        return [_SMALL[number]]
    if number < 100:
        return [_TENS[number // 10 - 2]] + (spell_number(number % 10) if number % 10 else [])
    size, name = next(group for group in _GROUPS if number >= group[0])
    rest = number % size
    return [*spell_number(number // size), name] + (spell_number(rest) if rest else [])


def spoken_words(text: str) -> list[str]:
    """Split text into the lower-case words one hears: numbers spelled out, punctuation gone.

    Digit strings longer than twelve figures are read figure by figure.
    """
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"(?<=\d),(?=\d)", "", text.lower().replace("’", "'"))
    words: list[str] = []
    for token in re.findall(r"\d+|[a-z]+(?:'[a-z]+)*", text):
        if not token.isdigit():
            words.append(token)
        elif len(token) <= 12:
            words += spell_number(int(token))
        else:
            words += [_SMALL[int(figure)] for figure in token]
    return words


def pronouncer() -> Callable[[str], list[str]]:
    """Return a function that guesses the ARPAbet phones (without stress) of a word outside dictionaries.

    The letter-to-sound rules are OpenFaceFX's (MIT); a wrong guess costs one word's inner timing.
    """
    from openfacefx.g2p import G2P
    from openfacefx.phonemes import strip_stress

    g2p = G2P()
    return lambda word: [strip_stress(phone) for phone in g2p.word(word)] or ["AH"]


def stresses(word: str, symbols: list[str]) -> list[int]:
    """Guess the stress of each phone of a word, for dictionaries that carry none.

    Function words stay unstressed; elsewhere the first vowel that can be no schwa (`AH`, `ER`, final `IY`)
    takes the primary stress, as in most English nouns and adjectives (Cutler & Carter 1987,
    "The predominance of strong initial syllables in the English vocabulary").
    """
    vowels = [i for i, symbol in enumerate(symbols) if is_vowel(symbol)]
    result = [0] * len(symbols)
    if not vowels or word in _FUNCTION_WORDS:
        return result
    strong = [
        i for i in vowels if symbols[i] not in ("AH", "ER") and not (symbols[i] == "IY" and i == vowels[-1])
    ]
    result[strong[0] if strong else vowels[0]] = 1
    return result
