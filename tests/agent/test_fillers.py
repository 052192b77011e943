"""A slow mind is bridged by a word or two, which give way to the answer."""

import asyncio

import numpy as np
import pytest
from pydantic import ValidationError

from agent.asr import ScriptedAsr
from agent.fillers import Fillers, FillersConfig
from agent.mind import ScriptedMind
from agent.voice import ToneVoice
from tests.agent.room import visit

TWO = FillersConfig(after_s=1.0, texts=("Hm.", "Let me think about it."))


def now_s():
    return asyncio.get_running_loop().time()


def test_never_the_same_twice_in_a_row():
    fillers = Fillers(TWO)
    said = [fillers.next() for _ in range(5)]
    assert set(said) == set(TWO.texts)
    assert all(a != b for a, b in zip(said[1:], said[:-1], strict=True))
    alone = Fillers(FillersConfig(texts=("Hm.",)))
    assert [alone.next() for _ in range(4)] == ["Hm.", None, "Hm.", None]
    alone.next()
    alone.not_needed()
    assert alone.next() == "Hm."
    assert Fillers(FillersConfig(after_s=0)).next() is None


@pytest.mark.parametrize("text", ["", "...", "x" * 50])
def test_refuses_what_is_no_filler(text):
    with pytest.raises(ValidationError, match="a few words"):
        FillersConfig(texts=(text,))


@pytest.mark.virtual_time
async def test_a_slow_mind_is_bridged_and_nobody_remembers():
    async with visit(ScriptedMind([[4.0, "At last."]]), fillers=TWO) as room:
        room.conversation.push_text("Well?")
        begin_s = now_s()
        await room.until("speaking")
        heard = room.sounding(begin_s)
        assert heard[0] - begin_s == pytest.approx(1.1, abs=0.15)
        assert heard[-1] - begin_s == pytest.approx(4.1, abs=0.2)
        await room.until("listening")
        assert room.avatar_captions[0] == "Hm."
        assert room.avatar_captions[-1] == "At last."
        assert room.said == [("user", "Well?", False), ("assistant", "At last.", False)]
        assert [f.interrupted for f in room.finished()] == [False, False]
        assert room.latencies[-1].stages_ms["audible"] > 4000, "a filler is no answer"
        assert room.states == ["thinking", "speaking", "listening"]


@pytest.mark.virtual_time
async def test_a_fast_mind_says_none():
    async with visit(ScriptedMind([[0.5, "Yes."]]), fillers=TWO) as room:
        for _ in range(2):
            room.conversation.push_text("Well?")
            await room.until("speaking")
            await room.until("listening")
        assert set(room.avatar_captions) == {"Yes."}
        assert len(room.finished()) == 2


@pytest.mark.virtual_time
async def test_it_is_cut_off_after_a_word_when_the_answer_comes():
    config = FillersConfig(after_s=1.0, texts=("Let me think about it a while.",))
    async with visit(ScriptedMind([[1.6, "Yes it is."]]), fillers=config) as room:
        room.conversation.push_text("Well?")
        begin_s = now_s()
        await room.until("speaking")
        await room.until("listening")
        filler, answer = room.finished()
        assert filler.interrupted
        assert not answer.interrupted
        ends = np.cumsum([len(word) * 0.06 + 0.06 for word in config.texts[0].split()]) - 0.06
        assert np.abs(ends - filler.played_s).min() <= 0.06, "between words, within a frame or two"
        audible_s = room.latencies[-1].stages_ms["audible"] / 1000
        assert audible_s <= 1.6 + 0.5
        assert now_s() > begin_s
        assert room.said[-1] == ("assistant", "Yes it is.", False)


@pytest.mark.virtual_time
async def test_it_can_be_interrupted_and_the_answer_still_comes():
    mind = ScriptedMind([[5.0, "Here it is, all of it."]])
    config = FillersConfig(after_s=0.5, texts=("Let me think about it a while.",))
    async with visit(mind, asr=ScriptedAsr([""]), fillers=config) as room:
        room.conversation.push_text("Well?")
        await room.hush(1.2)
        cut_s = now_s()
        assert room.sounding(cut_s - 0.2)
        await room.speak(0.4)
        assert max(room.sounding(cut_s), default=cut_s) - cut_s <= 0.2
        await room.until("speaking")
        await room.until("listening")
        assert room.said == [("user", "Well?", False), ("assistant", "Here it is, all of it.", False)]
        assert len(mind.asked) == 1


@pytest.mark.virtual_time
async def test_a_voice_that_cannot_say_it_is_told():
    async with visit(ScriptedMind([[5.0, "Yes."]]), fillers=TWO, voice=ToneVoice(fails_on="Hm")) as room:
        room.conversation.push_text("Well?")
        await room.until("listening")
        assert [notice.level for notice in room.notices] == ["error"]


@pytest.mark.virtual_time
async def test_the_visitor_leaves_during_a_filler():
    async with visit(ScriptedMind([[5.0, "Yes."]]), fillers=TWO) as room:
        room.conversation.push_text("Well?")
        await room.hush(1.15)
