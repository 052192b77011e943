"""When a turn ends: what the words tell, and what a conversation makes of it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import numpy as np
import pytest

from agent.asr import AsrConfig, ScriptedAsr, WhisperAsr
from agent.mind import ScriptedMind
from agent.turn_end import Completeness, SilentTurnEnd, TurnEndConfig, WordsTurnEnd
from agent.vad import SpeechDetector, SpeechEnded, VadConfig
from agent.words import Words, WordsConfig
from benchmarks.turn_end import judged, recording
from models.speech.scorer import LoudnessScorer
from tests.agent.room import visit

WORDS = Words(WordsConfig())
COMPLETE, UNSURE, INCOMPLETE = Completeness


def by_words(**config):
    return WordsTurnEnd(WORDS, TurnEndConfig(**config))


@pytest.mark.parametrize(
    ("text", "completeness"),
    [
        ("Could you tell me the time?", COMPLETE),
        ("I would like to know more about this town.", COMPLETE),
        ('She said "no!"', COMPLETE),
        ("What are you looking at?", COMPLETE),
        ("", COMPLETE),
        ("Okay.", COMPLETE),
        ("今何時ですか。", COMPLETE),
        ("I went to the market and", INCOMPLETE),
        ("I went to the market and.", INCOMPLETE),
        ("Could you tell me...", INCOMPLETE),
        ("Well,", INCOMPLETE),
        ("I think so.", COMPLETE),
        ("Go on.", COMPLETE),
        ("Yes, I am.", COMPLETE),
        ("I think, um.", INCOMPLETE),
        ("What I would like.", INCOMPLETE),
        ("My sister lives in THE", INCOMPLETE),
        ("Could you tell me", UNSURE),
    ],
)
def test_what_the_words_tell(text, completeness):
    assert by_words().completeness(text) is completeness


@pytest.mark.parametrize("turn_end", [SilentTurnEnd(), by_words()])
def test_every_judge_keeps_the_contract(turn_end):
    assert not turn_end.judge(None).over, "an answer to unknown words cannot be begun"
    assert turn_end.judge("Hello.").over
    for text in (None, "", "Hello.", "I", "and", "?"):
        silence_ms = turn_end.judge(text).silence_ms
        assert silence_ms is None or silence_ms > 0


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("Mm-hmm.", True),
        ("Yeah, okay.", True),
        ("I see", True),
        ("I saw", False),
        ("Yeah, but", False),
        ("", False),
    ],
)
def test_backchannels(text, nothing):
    assert WORDS.is_backchannel(text) is nothing


class Watched(ScriptedMind):
    """Remembers when it was asked, and how many of its answers nobody waits for any more."""

    def __init__(self, script):
        super().__init__(script)
        self.asked_s, self.open = [], 0

    async def answer(self, messages) -> AsyncGenerator[str, None]:
        self.asked_s.append(asyncio.get_running_loop().time())
        self.open += 1
        try:
            async for delta in super().answer(messages):
                yield delta
        finally:
            self.open -= 1


def now_s():
    return asyncio.get_running_loop().time()


async def time_to_answer(room):
    stop_s = now_s()
    await room.until("speaking")
    return room.sounding(stop_s)[0] - stop_s


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("How are you?", 0.5), ("I am", 0.7), ("I like apples and", 1.4)],
)
async def test_complete_turns_are_answered_sooner(text, seconds):
    turn_end = by_words(unsure_ms=700, incomplete_ms=1400)
    async with visit(ScriptedMind([["Yes."]]), asr=ScriptedAsr([text]), turn_end=turn_end) as room:
        await room.speak(1)
        assert await time_to_answer(room) == pytest.approx(seconds + 0.1, abs=0.12)


@pytest.mark.virtual_time
async def test_words_that_come_late_find_the_turn_still_open():
    """Recognition takes 600 ms: silence alone would have ended the turn after 480."""
    mind = ScriptedMind([["Yes."]])
    asr = ScriptedAsr(["I like apples and", "I like apples and pears."], delay_s=0.45)
    async with visit(mind, asr=asr, turn_end=by_words()) as room:
        await room.speak(1)
        await room.hush(1.0)
        await room.speak(1)
        await room.until("speaking")
        await room.until("listening")
        assert room.visitor_captions == ["I like apples and pears."]
        assert len(mind.asked) == 1


@pytest.mark.virtual_time
async def test_the_answer_is_begun_before_the_silence_is_over():
    mind = Watched([[0.1, "Yes, ", "I am."]])
    async with visit(mind, asr=ScriptedAsr(["Well?"], delay_s=0.1)) as room:
        await room.speak(1)
        assert await time_to_answer(room) < 0.7, "0.5 of silence, and in it recognition and thought"
        await room.until("listening")
        stages = room.latencies[-1].stages_ms
        assert stages["asr_final"] == pytest.approx(330, abs=60)
        assert stages["asr_final"] < stages["llm_first_token"] < stages["vad_end"] < stages["audible"]
        assert stages["tts_first_pcm"] < stages["audible"]
        assert len(mind.asked) == 1
        assert room.said == [("user", "Well?", False), ("assistant", "Yes, I am.", False)]


@pytest.mark.virtual_time
async def test_an_answer_begun_too_early_leaves_no_trace():
    mind = Watched([["Too early. ", 60.0, "Never."], ["Now."]])
    asr = ScriptedAsr(["Tell me.", "Tell me the time."], delay_s=0.05)
    async with visit(mind, asr=asr) as room:
        await room.speak(1)
        await room.hush(0.4)
        assert len(mind.asked) == mind.open == 1, "it thinks already"
        await room.speak(0.5)
        assert mind.open == 0, "and stops when the visitor goes on"
        assert room.events
        assert all(event.kind == "state" for event in room.events)
        await room.until("speaking")
        await room.until("listening")
        assert [m.content for m in mind.asked[1]] == ["Be kind.", "Tell me the time."]
        assert room.visitor_captions == ["Tell me the time."]
        assert set(room.avatar_captions) == {"Now."}
        assert room.said == [("user", "Tell me the time.", False), ("assistant", "Now.", False)]
        assert [latency.turn for latency in room.latencies] == [1] * len(room.latencies)
        assert len(room.finished()) == 1


@pytest.mark.virtual_time
async def test_no_answer_is_begun_to_half_a_sentence():
    mind = Watched([["Yes."]])
    asr = ScriptedAsr(["I like apples and"], delay_s=0.05)
    async with visit(mind, asr=asr, turn_end=by_words(incomplete_ms=1400)) as room:
        await room.speak(1)
        await room.hush(1.2)
        assert mind.asked == []
        await room.until("speaking")
        assert len(mind.asked) == 1


@pytest.mark.virtual_time
async def test_typing_gives_up_what_was_begun_for_the_voice():
    mind = Watched([["Spoken."], ["Typed."]])
    async with visit(mind, asr=ScriptedAsr(["Hello"], delay_s=0.05)) as room:
        await room.speak(1)
        await room.hush(0.35)
        assert len(mind.asked) == 1
        room.conversation.push_text("Instead this.")
        await asyncio.sleep(3)
        assert mind.asked[1][-1].content == "Instead this."
        assert room.said[:2] == [("user", "Instead this.", False), ("assistant", "Typed.", False)]


@pytest.mark.virtual_time
async def test_the_visitor_leaves_while_an_answer_is_begun():
    mind = Watched([["Early. ", 60.0]])
    async with visit(mind, asr=ScriptedAsr(["Hello"], delay_s=0.05)) as room:
        await room.speak(1)
        await room.hush(0.4)
        assert mind.open == 1
    assert mind.open == 0


def test_a_limit_ends_with_the_silence_it_was_for():
    detector = SpeechDetector(LoudnessScorer(), VadConfig())
    loud, quiet = np.full(8000, 0.5, np.float32), np.zeros(16_000, np.float32)
    _, state = detector.step(np.concatenate([loud, quiet[:4800]]), detector.init_state())
    events, state = detector.step(quiet[:12_800], replace(state, end_after_ms=1000))
    (ended,) = [event for event in events if isinstance(event, SpeechEnded)]
    assert (ended.at_sample - ended.end_sample) / 16 == pytest.approx(1000, abs=33)
    events, _ = detector.step(np.concatenate([loud, quiet]), state)
    ended = next(event for event in events if isinstance(event, SpeechEnded))
    assert (ended.at_sample - ended.end_sample) / 16 == pytest.approx(480, abs=33)


@pytest.mark.corpus
async def test_many_pauses_of_a_reader_are_known_for_pauses(corpus):
    """Real recordings, real recogniser: whole sentences are ends, and at least two in five pauses are not."""
    folder = corpus / "speech" / "ljspeech"
    lines = (folder / "metadata.csv").read_text("utf-8").splitlines()
    whole = {line.partition("|")[0] for line in lines if line.rstrip().endswith(".")}
    verdicts = {True: [], False: []}
    asr = WhisperAsr(AsrConfig())
    try:
        for path in sorted(folder.glob("*.wav"))[:10]:
            for heard in recording(path):
                if path.stem in whole or not heard.whole:
                    verdicts[heard.whole].append(await judged(heard, asr, by_words()))
    finally:
        await asr.aclose()
    assert len(verdicts[False]) > 10
    assert set(verdicts[True]) == {"complete"}
    assert verdicts[False].count("complete") <= 0.6 * len(verdicts[False]), verdicts[False]
