"""A voice that cannot make a sentence before the sound runs out is given a part of it first."""

import asyncio

import numpy as np
import pytest

from agent.mind import ScriptedMind
from agent.portions import LEAST_CHARS, Portions
from agent.voice import SpokenPiece, spread_words
from models.motion.stage import Phone
from tests.agent.room import visit

LONG = "this sentence goes on and on, about many small boats that follow a wide river to a warm blue sea"
RATE_HZ = 16_000


def portions(*taken_s: float) -> Portions:
    made = Portions()
    for seconds in taken_s:
        made.note("You said:", seconds)
    return made


def test_a_quick_voice_is_given_all():
    assert portions(0.05).first_of(LONG, 0.65) == LONG
    assert Portions().first_of(LONG, 0.0) == LONG, "nothing is known of it yet"
    assert portions(0.4).first_of("A short one, too.", 0.0) == "A short one, too."


def test_a_slow_voice_is_given_what_it_can_make_in_time():
    assert portions(0.2).first_of(LONG, 0.4) == "this sentence goes on and "
    assert portions(0.2).first_of(LONG, 0.8) == "this sentence goes on and on, ", (
        "up to a comma if there is one"
    )
    assert portions(0.2).first_of(LONG, 3.0) == LONG
    assert portions(0.05, 0.4).first_of(LONG, 1.0) != LONG, "the slowest of the last ones tells"


def test_no_part_is_short():
    words = "one " * 11 + "two"
    for waiting_s in np.arange(0, 3, 0.1):
        head = portions(0.5).first_of(words, float(waiting_s))
        assert len(head) >= LEAST_CHARS
        assert head == words or (head.endswith(" ") and len(words) - len(head) >= LEAST_CHARS)
    assert portions(9.0).first_of("x" * 90, 0.0) == "x" * 90, "a word is not cut"


class WholeVoice:
    """Makes a text whole, in a time that grows with it."""

    def __init__(self, s_per_char: float) -> None:
        self._s_per_char = s_per_char
        self.asked: list[str] = []

    async def speak(self, text):
        self.asked.append(text.strip())
        await asyncio.sleep(self._s_per_char * (len(text) + 12))
        seconds = 0.06 * len(text)
        tone = 8000 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
        words = spread_words(text.split(), seconds)
        yield SpokenPiece(tone.astype(np.int16), RATE_HZ, (Phone("AA", 0.0, seconds),), words)

    async def aclose(self):
        pass


@pytest.mark.virtual_time
@pytest.mark.parametrize(("s_per_char", "parts", "hole_frames"), [(0.003, 2, 0), (0.01, 3, 1), (0.02, 3, 10)])
async def test_a_long_sentence_leaves_no_long_hole(s_per_char, parts, hole_frames):
    """Made whole, the slowest voice's would be of 45 frames."""
    voice = WholeVoice(s_per_char)
    async with visit(ScriptedMind([[f"You said: {LONG}."]]), voice=voice) as room:
        room.conversation.push_text("Say it.")
        await room.until("speaking")
        await room.until("listening")
        assert room.conversation.stats()["starved_frames"] <= hole_frames
        assert " ".join(voice.asked) == f"You said: {LONG}."
        assert len(voice.asked) == parts
        assert room.avatar_captions[-1] == f"You said: {LONG}."
