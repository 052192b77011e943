import asyncio

import numpy as np
import pytest

from agent.asr import AsrError, ScriptedAsr
from agent.latency import STAGES
from agent.mind import EchoMind, MindBrokenError, MindUnreachableError, ScriptedMind
from agent.voice import ToneVoice
from models.motion.cue import Gesture
from models.motion.stage import Presence
from tests.agent.room import APOLOGY, visit

pytestmark = pytest.mark.virtual_time

LONG = ["One two three four. ", "Five six seven eight. ", "Nine ten eleven twelve."]


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_a_normal_turn():
    mind = ScriptedMind([["I am ", "fine. ", "And you?"]])
    async with visit(mind, asr=ScriptedAsr(["How are you?"])) as room:
        await room.hush(1)
        await room.speak(1)
        await room.until("thinking")
        await room.until("listening")
        assert room.states == ["listening", "thinking", "speaking", "listening"]
        assert room.visitor_captions == ["How are you?"]
        assert room.avatar_captions == ["I am fine.", "I am fine. And you?", "I am fine. And you?"]
        assert [m.content for m in mind.asked[0]] == ["Be kind.", "How are you?"]
        assert room.said == [("user", "How are you?", False), ("assistant", "I am fine. And you?", False)]
        assert room.notices == []
        assert len(room.finished()) == 1
        assert not room.finished()[0].interrupted


async def test_each_stage_is_timed_from_the_last_word():
    async with visit(ScriptedMind([[0.3, "Yes."]]), asr=ScriptedAsr(delay_s=0.4)) as room:
        await room.hush(0.5)
        await room.speak(1)
        stop_s = now_s()
        await room.until("speaking")
        await room.hush(0.1)
        stages = room.latencies[-1].stages_ms
        assert list(stages) == list(STAGES)
        assert list(stages.values()) == sorted(stages.values())
        assert stages["vad_end"] == pytest.approx(500, abs=60)
        assert stages["asr_final"] == pytest.approx(600, abs=80), "recognition started at the pause"
        assert stages["llm_first_token"] - stages["asr_final"] == pytest.approx(300, abs=20)
        assert stages["audible"] == pytest.approx(1000 * (room.sounding()[0] - stop_s), abs=60)


async def test_typed_text_works_like_speech():
    async with visit(EchoMind()) as room:
        await asyncio.sleep(0.2)
        room.conversation.push_text("  good day  ")
        await asyncio.sleep(6)
        assert room.states == ["thinking", "speaking", "listening"]
        assert room.visitor_captions == ["good day"]
        assert room.said == [("user", "good day", False), ("assistant", "You said: good day", False)]


async def test_blank_text_is_nothing():
    async with visit(EchoMind()) as room:
        room.conversation.push_text("   ")
        await asyncio.sleep(1)
        assert room.events == []


async def test_barge_in_while_listening_joins_the_words():
    """The visitor goes on after what looked like the end, before it was recognised."""
    asr = ScriptedAsr(["I would like to know the time"], delay_s=2.0)
    mind = ScriptedMind([["Noon."]])
    async with visit(mind, asr=asr) as room:
        await room.speak(1)
        await room.hush(0.7)
        await room.speak(1)
        await room.until("speaking")
        await room.until("listening")
        assert room.visitor_captions == ["I would like to know the time"]
        assert len(mind.asked) == 1


async def test_barge_in_while_thinking_asks_everything_at_once():
    asr = ScriptedAsr(["I would like", "to know the time."])
    mind = ScriptedMind([[5.0, "What?"], ["Noon."]])
    async with visit(mind, asr=asr) as room:
        await room.speak(1)
        await room.until("thinking")
        await room.hush(1)
        await room.speak(1)
        await room.until("speaking")
        await room.until("listening")
        assert mind.asked[1][-1].content == "I would like to know the time."
        assert room.said[-1] == ("assistant", "Noon.", False)
        assert room.sounding() != []
        assert len(room.finished()) == 1


async def test_barge_in_while_speaking_is_fast_and_the_history_is_true():
    mind = ScriptedMind([LONG, ["Go on."]])
    async with visit(mind, asr=ScriptedAsr(["Tell me.", "Wait!"])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.until_sounding("Five six")
        await room.hush(0.6)
        cut_s = now_s()
        await room.speak(1)
        assert max(room.sounding(cut_s), default=cut_s) - cut_s <= 0.2
        await room.until("speaking")
        await room.until("listening")
        heard = room.said[1][1]
        assert "One two three four. Five six seven eight. Nine".startswith(heard)
        assert heard.startswith("One two three four. Five")
        assert room.said[1][2], "marked as interrupted"
        assert mind.asked[1][-2].content == heard + "—"
        assert mind.asked[1][-1].content == "Wait!"
        assert [f.interrupted for f in room.finished()] == [True, False]
        assert heard in room.avatar_captions


async def test_the_mouth_closes_after_a_barge_in():
    async with visit(ScriptedMind([LONG])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(0.5)
        cut_s = now_s()
        await room.speak(0.6)
        shut = [p for t, p in zip(room.times, room.packets, strict=True) if t > cut_s + 0.36]
        assert all(p.picture.min() > 100 for p in shut)
        assert {p.presence for p in shut} == {Presence.LISTENING}


async def test_barge_in_between_sentences():
    """The mind is slow: the first sentence is over, the second has not come."""
    mind = ScriptedMind([["One two. ", 5.0, "Three four."], ["Yes."]])
    async with visit(mind) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(3)
        await room.speak(1)
        await room.until("thinking")
        await room.until("listening")
        assert room.said[1] == ("assistant", "One two.", True)
        assert room.said[3] == ("assistant", "Yes.", False)


async def test_double_barge_in():
    mind = ScriptedMind([LONG, LONG, ["Done."]])
    async with visit(mind, asr=ScriptedAsr(["a", "b", "c"])) as room:
        await room.speak(0.5)
        for _ in range(2):
            await room.until("speaking")
            await room.hush(0.8)
            await room.speak(0.5)
        await room.until("speaking")
        await room.until("listening")
        assert [s[2] for s in room.said] == [False, True, False, True, False, False]
        assert room.said[-1] == ("assistant", "Done.", False)
        assert len(room.finished()) == 3


async def test_typed_text_interrupts_speech():
    mind = ScriptedMind([LONG, ["Stopped."]])
    async with visit(mind) as room:
        room.conversation.push_text("Tell me everything")
        await room.until("speaking")
        await room.hush(1)
        cut_s = now_s()
        room.conversation.push_text("Stop")
        await room.hush(0.1)
        first_again = [t for t in room.sounding(cut_s) if t > cut_s + 0.08]
        assert len(room.finished()) == 1
        await room.until("listening")
        assert room.finished()[0].interrupted
        assert room.said[1][2]
        assert room.said[-1] == ("assistant", "Stopped.", False)
        assert len(first_again) <= 1


async def test_two_typed_turns_at_once_are_both_remembered():
    mind = ScriptedMind([["Both."]])
    async with visit(mind) as room:
        room.conversation.push_text("First.")
        room.conversation.push_text("Second.")
        await asyncio.sleep(3)
        assert room.said == [("user", "First. Second.", False), ("assistant", "Both.", False)]


async def test_mind_fails_in_the_middle_of_a_sentence():
    mind = ScriptedMind([["One two. Three ", MindBrokenError("the stream broke")], ["Better."]])
    async with visit(mind) as room:
        room.conversation.push_text("Hello")
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", f"One two. Three {APOLOGY}", False)
        assert [n.level for n in room.notices] == ["error"]
        assert "the stream broke" in room.notices[0].text
        room.conversation.push_text("Again")
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", "Better.", False)


@pytest.mark.parametrize("line", [[MindUnreachableError("nobody there")], [], ["🙂"]])
async def test_mind_without_an_answer_apologises(line):
    async with visit(ScriptedMind([line])) as room:
        room.conversation.push_text("Hello")
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", APOLOGY, False)
        assert len(room.notices) == 1


async def test_nothing_said_returns_to_listening():
    mind = ScriptedMind([["never"]])
    async with visit(mind, asr=ScriptedAsr([""])) as room:
        await room.speak(1)
        await room.until("thinking")
        await room.until("listening")
        await room.hush(1)
        assert mind.asked == []
        assert room.said == []
        assert room.states[-1] == "listening"


async def test_a_cough_that_cuts_the_avatar_off_leaves_it_listening():
    mind = ScriptedMind([LONG, ["Yes."]])
    async with visit(mind, asr=ScriptedAsr(["Go.", "", "Hello?"])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(1)
        await room.speak(0.3)
        await room.until("thinking")
        await room.until("listening")
        assert len(mind.asked) == 1
        await room.speak(1)
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", "Yes.", False)


async def test_a_cough_while_it_thinks_does_not_lose_the_question():
    mind = ScriptedMind([[3.0, "Late."], ["Yes."]])
    async with visit(mind, asr=ScriptedAsr(["Really?", ""])) as room:
        await room.speak(1)
        await room.until("thinking")
        await room.hush(0.5)
        await room.speak(0.3)
        await room.until("speaking")
        await room.until("listening")
        assert room.said == [("user", "Really?", False), ("assistant", "Late.", False)]
        assert len(mind.asked) == 1, "it thinks on"


async def test_recognition_fails():
    async with visit(ScriptedMind([["Yes."]]), asr=ScriptedAsr([AsrError("no model"), "Hello"])) as room:
        await room.speak(1)
        await room.until("thinking")
        await room.until("listening")
        assert "no model" in room.notices[0].text
        await room.speak(1)
        await room.until("speaking")


@pytest.mark.parametrize(("word", "heard"), [("Five", "One two three four."), ("One", "")])
async def test_voice_fails(word, heard):
    mind = ScriptedMind([LONG, ["Yes."]])
    async with visit(mind, voice=ToneVoice(fails_on=word)) as room:
        room.conversation.push_text("Go")
        await room.until("thinking")
        await room.until("listening")
        assert [n.level for n in room.notices] == ["error"]
        assert [s for s in room.said if s[0] == "assistant"] == (
            [("assistant", heard, True)] if heard else []
        )
        room.conversation.push_text("Again")
        await room.until("speaking")
        await room.until("listening")
        assert room.said[-1] == ("assistant", "Yes.", False)


async def test_a_slow_mind_leaves_the_avatar_thoughtful_and_alive():
    async with visit(ScriptedMind([[8.0, "At last."]])) as room:
        await room.speak(1)
        await room.until("thinking")
        begin_s = now_s()
        await room.hush(6)
        seen = [p for t, p in zip(room.times, room.packets, strict=True) if t > begin_s + 0.2]
        assert {p.presence for p in seen} == {Presence.THINKING}
        assert len(seen) == pytest.approx(25 * 5.8, abs=3), "25 pictures a second, whatever the mind does"
        await room.until("speaking")


async def test_the_visitor_leaves_while_it_speaks():
    async with visit(ScriptedMind([LONG])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.hush(0.5)
        await room.conversation.aclose()
        assert room.said[-1][2]


@pytest.mark.parametrize("after_s", [0.1, 0.8, 1.3, 1.7, 2.2])
async def test_the_visitor_leaves_at_any_time(after_s):
    async with visit(ScriptedMind([[0.5, *LONG]]), asr=ScriptedAsr(delay_s=0.6)) as room:
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(room.speak(1))
            group.create_task(room.hush(after_s))
        await talk
        if after_s > 1:
            await room.hush(after_s - 1)


async def test_push_to_talk_waits_for_the_key():
    mind = ScriptedMind([["Yes."]])
    async with visit(mind) as room:
        await room.hush(0.5)
        room.conversation.hold()
        await room.speak(0.5)
        await room.hush(2)
        await room.speak(0.5)
        assert room.states == ["listening"]
        room.conversation.release()
        await room.until("speaking")
        assert len(mind.asked) == 1
        assert room.latencies[-1].stages_ms["vad_end"] < 50


async def test_the_key_interrupts():
    async with visit(ScriptedMind([LONG])) as room:
        room.conversation.push_text("Go")
        await room.until("speaking")
        await room.hush(0.5)
        cut_s = now_s()
        room.conversation.hold()
        await room.hush(0.5)
        assert max(room.sounding(cut_s), default=cut_s) - cut_s <= 0.1
        assert room.states[-1] == "listening"


async def test_falls_idle_when_nobody_speaks():
    async with visit(EchoMind(), idle_after_s=5.0) as room:
        room.conversation.push_text("Hi")
        await room.until("speaking")
        await room.until("listening")
        await asyncio.sleep(6)
        assert room.states[-1] == "idle"
        assert room.packets[-1].presence == Presence.IDLE


async def test_a_flood_of_sound_drops_the_oldest_and_says_so():
    async with visit(EchoMind()) as room:
        for _ in range(500):
            room.conversation.push_audio(np.zeros(960, np.int16), 48_000)
        room.conversation.push_text("Still there?")
        assert room.conversation.stats()["inbox_dropped"] >= 300
        assert room.conversation.stats()["inbox_depth"] <= 200
        await asyncio.sleep(1)
        assert room.visitor_captions == ["Still there?"]


async def test_gestures_in_the_answer_reach_the_motion_and_nobody_reads_them():
    mind = ScriptedMind([["[smi", "le] Good ", "[nod", "] day! [wave]"]])
    async with visit(mind) as room:
        room.conversation.push_text("hello")
        await room.until("speaking")
        await room.until("listening")
    cues = room.motion.spoken()[-1].cues
    assert [cue.gesture for cue in cues] == [Gesture.SMILE, Gesture.NOD, Gesture.WAVE]
    assert [cue.at_s for cue in cues] == [0.0, pytest.approx(5 * 0.06), pytest.approx(10 * 0.06 - 0.12)]
    assert set(room.avatar_captions) == {"Good day!"}
    assert room.said[-1] == ("assistant", "Good day!", False)


async def test_the_visitors_voice_reaches_the_motion_while_the_avatar_listens():
    async with visit(ScriptedMind([LONG])) as room:
        await room.speak(1)
        await room.until("speaking")
        await room.speak(0.06)
        await room.until_sounding("Five")
    chunks = room.motion.chunks
    assert any(np.abs(c.pcm).max() > 0.2 for c in chunks if c.presence == Presence.LISTENING)
    assert not any(c.pcm.any() for c in chunks if c.presence in (Presence.THINKING, Presence.IDLE))
