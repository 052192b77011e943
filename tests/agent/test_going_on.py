"""The avatar is cut off by what proves to be nothing, and goes on from the word in which it was cut."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from agent.asr import AsrError, ScriptedAsr
from agent.mind import ScriptedMind
from agent.speech import tail_of
from agent.voice import ToneVoice
from tests.agent.room import visit

pytestmark = pytest.mark.virtual_time

LONG = ["One two three four. ", "Five six seven eight. ", "Nine ten eleven twelve."]
WHOLE = "".join(LONG)


NOISE_S = 0.14
"""So long can something that nobody says sound like speech."""


async def cut_off(room, *, after_s=2.0, by_s=NOISE_S):
    """Ask, let the avatar speak, and make a noise."""
    await room.speak(1)
    await room.until("speaking")
    await room.hush(after_s)
    await room.speak(by_s)


@pytest.mark.parametrize("noise", ["", "Mhm.", "Yeah, okay."])
async def test_it_goes_on_and_is_remembered_whole(noise):
    mind = ScriptedMind([LONG, ["Never."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", noise])) as room:
        await cut_off(room)
        await room.until("thinking")
        await room.until("speaking")
        await room.until("listening")
        assert room.said == [("user", "Tell me.", False), ("assistant", WHOLE, False)]
        assert room.avatar_captions[-1] == WHOLE
        assert len(mind.asked) == 1
        assert [f.interrupted for f in room.finished()] == [True, False]
        assert room.notices == []
        assert {e.turn for e in room.events if getattr(e, "who", "") == "avatar"} == {1}
        for shorter, longer in pairwise(room.avatar_captions[-4:]):
            assert longer.startswith(shorter) or shorter == WHOLE


async def test_each_word_is_heard_whole_and_only_the_cut_one_twice():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", ""])) as room:
        await cut_off(room)
        await room.until("speaking")
        await room.until("listening")
    first, second = (
        np.concatenate([p.pcm for p in room.packets if p.segment == segment]) for segment in (1, 2)
    )
    spoken_s = (len(np.trim_zeros(first)) + len(np.trim_zeros(second))) / 24_000
    whole_s = sum(map(len, WHOLE.split())) * 0.06 + (len(WHOLE.split()) - 1) * 0.06
    assert whole_s - 0.1 <= spoken_s <= whole_s + 0.5, "at most a word more than the answer is long"


async def test_while_it_is_cut_off_the_history_tells_what_was_heard():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", ""], delay_s=0.3)) as room:
        await cut_off(room)
        await room.hush(0.3)
        role, text, interrupted = room.said[-1]
        assert (role, interrupted) == ("assistant", True)
        assert text
        assert WHOLE.startswith(text)


async def test_a_stop_that_is_not_understood_stops_it():
    mind = ScriptedMind([LONG, ["Never."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", ""])) as room:
        await cut_off(room, by_s=0.3)
        await room.until("thinking")
        await room.until("listening")
        await room.hush(3)
        assert room.states[-1] == "listening"
        assert [f.interrupted for f in room.finished()] == [True]
        assert room.said[-1][2], "it knows that it was cut off"
        assert len(mind.asked) == 1, "there is nothing to answer"


async def test_a_stop_in_two_pieces_counts_as_one():
    """The first half is still being recognised when the second comes."""
    asr = ScriptedAsr(["Tell me.", ""], delay_s=0.5)
    async with visit(ScriptedMind([LONG]), asr=asr) as room:
        await cut_off(room)
        await room.hush(0.6)
        await room.speak(NOISE_S)
        await room.hush(4)
        assert [f.interrupted for f in room.finished()] == [True]


async def test_who_presses_the_key_means_it():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", ""])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(2)
        room.conversation.hold()
        await room.hush(0.4)
        await room.speak(NOISE_S)
        room.conversation.release()
        await room.hush(4)
        assert [f.interrupted for f in room.finished()] == [True]


async def test_words_are_answered_and_nothing_goes_on():
    mind = ScriptedMind([LONG, ["Sorry."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", "Yeah, but wait."])) as room:
        await cut_off(room)
        await room.until("speaking")
        await room.until("listening")
        assert [(role, cut) for role, _, cut in room.said] == [
            ("user", False), ("assistant", True), ("user", False), ("assistant", False)
        ]  # fmt: skip
        assert room.said[-1][1] == "Sorry."


async def test_it_is_cut_off_twice_and_still_goes_on():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", "", "Hm."])) as room:
        await cut_off(room, after_s=1.0)
        await room.until("speaking")
        await room.hush(0.8)
        await room.speak(NOISE_S)
        await room.until("speaking")
        await room.until("listening")
        assert room.said == [("user", "Tell me.", False), ("assistant", WHOLE, False)]
        assert [f.interrupted for f in room.finished()] == [True, True, False]


async def test_after_too_long_it_does_not_go_on():
    mind = ScriptedMind([LONG])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", ""]), resume_within_s=1.0) as room:
        await cut_off(room, by_s=1.2)
        await room.until("thinking")
        await room.until("listening")
        await room.hush(3)
        assert room.states[-1] == "listening"
        assert room.said[-1][2], "what was heard stays broken off"
        assert len(mind.asked) == 1


async def test_never_when_it_is_set_so():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", ""]), resume_within_s=0) as room:
        await cut_off(room)
        await room.until("thinking")
        await room.until("listening")
        await room.hush(2)
        assert room.said[-1][2]


async def test_a_yes_to_the_last_word_is_an_answer():
    mind = ScriptedMind([["Shall I go on?"], ["Then I go on."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", "Yeah."])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(0.5)
        await room.speak(0.3)
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-2:] == [("user", "Yeah.", False), ("assistant", "Then I go on.", False)]


async def test_the_mind_thinks_on_meanwhile():
    """It is cut off while the mind is still at it: nothing of the rest is lost, nothing asked twice."""
    mind = ScriptedMind([["One two three four. ", 3.0, "Five six."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", ""])) as room:
        await cut_off(room, after_s=0.5)
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", "One two three four. Five six.", False)
        assert len(mind.asked) == 1


async def test_where_the_recogniser_fails_nothing_goes_on():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", AsrError("broken")])) as room:
        await cut_off(room)
        await room.until("thinking")
        await room.until("listening")
        await room.hush(2)
        assert room.said[-1][2]
        assert len(room.notices) == 1


async def test_typing_ends_it_for_good():
    mind = ScriptedMind([LONG, ["This answers what was typed."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", ""])) as room:
        await cut_off(room)
        room.conversation.push_text("Stop.")
        await room.until("speaking")
        await room.until("listening")
        await room.hush(3)
        assert [text for role, text, _ in room.said if role == "user"] == ["Tell me.", "Stop."]
        assert room.said[-1] == ("assistant", "This answers what was typed.", False)
        assert room.said[1][2]


async def test_the_visitor_leaves_while_it_could_go_on():
    async with visit(ScriptedMind([LONG]), asr=ScriptedAsr(["Tell me.", ""])) as room:
        await cut_off(room)


async def test_the_tail_of_a_piece_keeps_the_words_that_begin_in_it():
    (piece,) = [piece async for piece in ToneVoice().speak("abc")]
    assert tail_of(piece, 0.0) is piece
    tail = tail_of(piece, 0.1)
    assert len(tail.pcm) == len(piece.pcm) - 1600
    assert tail.words == ()
    assert tail.phones[0].start_s == 0.0
    assert tail.phones[-1].end_s == pytest.approx(tail.duration_s)
    await asyncio.sleep(0)
