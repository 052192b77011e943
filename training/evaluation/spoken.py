"""Speech whose phones are known exactly: Piper says sentences that are full of p, b and m."""

from functools import lru_cache
from typing import Final

from training.corpus.piper import open_voice, say
from training.corpus.utterance import Utterance, joined

SENTENCES: Final = (
    "My mother baked a big blueberry pie.",
    "Please bring both maps back by Monday.",
    "The brown puppy jumped up and barked.",
    "Maybe Bob can help me move the piano.",
    "People often miss the simple problems.",
    "We jumped from the pier into deep blue water.",
    "Paul put a pumpkin beside the empty mailbox.",
    "Remember to pick up some milk and butter.",
    "A small boat came past the bamboo bridge.",
    "Am I speaking to the man behind the camera?",
    "Hope is a bird that perches on my palm.",
    "The company promised a better number by March.",
    "Bumble bees climb up the apple blossom.",
    "Can you imagine a more beautiful morning?",
    "Pam's umbrella popped open in the rain.",
    "Most of my members prefer the middle room.",
    "Keep your lips pressed, then open them wide.",
    "The map on the lamp table belongs to Ben.",
    "Maple syrup makes pancakes much better.",
    "Stop humming and bump the ball past him.",
)
_TOGETHER: Final = 5
"""Sentences of one answer."""
_PAUSE_S: Final = 0.32
_SEED: Final = 1


@lru_cache(maxsize=1)
def spoken_answers() -> tuple[Utterance, ...]:
    """Say all sentences, several to an answer; the same sound at every call."""
    voice = open_voice(_SEED)
    said = [utterance for text in SENTENCES if (utterance := say(voice, text))]
    pauses_s = [_PAUSE_S] * (_TOGETHER - 1)
    return tuple(joined(said[at : at + _TOGETHER], pauses_s) for at in range(0, len(said), _TOGETHER))
