"""What an avatar is asked to say between its answers: its turn, its interruption, and who remembers it."""

import asyncio

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.mind import ScriptedMind
from agent.recital import WAITING_MAX
from agent.voice import ToneVoice
from streaming.contract import BusyError, SpeechPiece, VoiceFailedError
from tests.agent.room import visit

pytestmark = pytest.mark.virtual_time

LETTER_S = ToneVoice.LETTER_S
ANSWER = ["One two three. ", "Four five six."]


def ask(room, script, **how):
    return asyncio.create_task(room.conversation.recite(script, **how))


async def test_it_is_said_captioned_and_remembered():
    async with visit(ScriptedMind([["Never."]])) as room:
        ended = await ask(room, "[nod] Your table is ready.")
        await room.until("listening")
        assert ended.played_s == pytest.approx(LETTER_S * (len("Yourtableisready.") + 4), abs=0.05)
        assert not ended.interrupted
        assert room.said == [("assistant", "Your table is ready.", False)]
        assert room.avatar_captions[-1] == "Your table is ready."
        assert room.states[:3] == ["thinking", "speaking", "listening"]
        assert room.mind.asked == []
        assert room.conversation.waiting == 0


async def test_it_waits_for_the_answer_and_for_the_visitor():
    async with visit(ScriptedMind([ANSWER])) as room:
        await room.speak(0.6)
        asked = ask(room, "By the way.")
        await room.until("speaking")
        await room.until("speaking")
        await asked
        assert [text for _, text, _ in room.said] == ["Hello.", "".join(ANSWER), "By the way."]


async def test_what_is_asked_for_is_said_in_its_order():
    async with visit(ScriptedMind([["Never."]])) as room:
        one, two, three = (ask(room, text) for text in ("One.", "Two.", "Three."))
        await asyncio.sleep(0.1)
        assert room.conversation.waiting == 3
        await asyncio.gather(one, two, three)
        assert [text for _, text, _ in room.said] == ["One.", "Two.", "Three."]


async def test_an_interruption_gives_up_what_waits():
    async with visit(ScriptedMind([["Never."]])) as room:
        first, second = ask(room, "One two three four five six."), ask(room, "Never said.")
        await room.until("speaking")
        await asyncio.sleep(0.5)
        third = await ask(room, "Fire!", interrupt=True)
        assert not third.interrupted
        assert (await first).interrupted
        assert await second is None
        assert [(text[:3], cut) for _, text, cut in room.said] == [("One", True), ("Fir", False)]


async def test_the_visitor_interrupts_it_and_is_answered_first():
    mind = ScriptedMind([["Yes."]])
    async with visit(mind, asr=ScriptedAsr(["Really?"])) as room:
        first, second = ask(room, "One two three four five six."), ask(room, "And more.")
        await room.until("speaking")
        await room.hush(0.6)
        await room.speak(0.5)
        await room.hush(3)
        assert (await first).interrupted
        assert not (await second).interrupted
        assert [text for _, text, _ in room.said][1:] == ["Really?", "Yes.", "And more."]
        assert "One" in mind.asked[0][-2].content, "the mind knows what it was interrupted in"


async def test_a_recording_is_said():
    pcm = (8000 * np.sin(np.arange(36_000) / 20)).astype(np.int16)
    async with visit(ScriptedMind([["Never."]])) as room:
        ended = await ask(room, SpeechPiece(pcm, 24_000))
        assert ended.played_s == pytest.approx(1.5, abs=0.001)
        assert room.said == [("assistant", "(recording)", False)]


async def test_a_voice_that_fails_is_told_and_the_next_is_said():
    async with visit(ScriptedMind([["Never."]]), voice=ToneVoice(fails_on="bad")) as room:
        with pytest.raises(VoiceFailedError, match="cannot say 'bad'"):
            await ask(room, "bad")
        assert not (await ask(room, "Good.")).interrupted


@pytest.mark.parametrize("script", [" ", "[rumbles]", SpeechPiece(np.zeros(0, np.int16), 24_000)])
async def test_nothing_to_say_is_nothing(script):
    async with visit(ScriptedMind([["Never."]])) as room:
        assert await ask(room, script) is None
        assert not (await ask(room, "Good.")).interrupted


async def test_the_queue_is_bounded_and_leaving_ends_it():
    async with visit(ScriptedMind([["Never."]])) as room:
        asked = [ask(room, "One two three.") for _ in range(WAITING_MAX)]
        await room.until("speaking")
        with pytest.raises(BusyError, match="wait already"):
            await ask(room, "Too much.")
        await room.conversation.aclose()
        ends = await asyncio.gather(*asked)
        assert ends[0].interrupted
        assert ends[1:] == [None] * (WAITING_MAX - 1)
        with pytest.raises(BusyError, match="over"):
            await ask(room, "Too late.")
