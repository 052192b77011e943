"""Conversations of several visitors with one avatar: virtual clock, real session, scripted senses."""

import asyncio

import numpy as np
import pytest

from agent.asr import ScriptedAsr
from agent.mind import Message, ScriptedMind
from engine.packets import MEDIA_RATE_HZ, MEDIA_SAMPLES_PER_FRAME
from models.motion.look import Look
from streaming.contract import Notice, RoomFullError
from tests.agent.table import LONG, TONE, speak, table
from tests.agent.test_self_interruption import LATE, BuzzingVoice, buzz

pytestmark = pytest.mark.virtual_time


async def test_it_is_known_who_said_what():
    mind = ScriptedMind([["Hello Ann."], ["Hello Ben."]])
    async with table(mind, asr=ScriptedAsr(["Good morning.", "Good evening."])) as at:
        ann, ben = at.sit("Ann", 0.0), at.sit("Ben", -1.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 1.0, 1.0))
            await at.until_over()
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ben, 1.0, 1.0))
            await at.until_over()
    assert at.heard == [("Ann", "Good morning."), ("Ben", "Good evening.")]
    assert at.answers == ["Hello Ann.", "Hello Ben."]
    assert [s.text for s in at.minutes.said] == [
        "Ann: Good morning.", "Hello Ann.", "Ben: Good evening.", "Hello Ben.",
    ]  # fmt: skip
    assert mind.asked[1][-1] == Message("user", "Ben: Good evening.")
    assert at.talking[0] == (("Ann",), "Ann")
    assert (("Ben",), "Ben") in at.talking
    assert at.talking[-1] == ((), "")


async def test_it_looks_at_the_one_who_speaks():
    async with table(ScriptedMind([["Yes."]])) as at:
        ann, ben = at.sit("Ann", 1.0), at.sit("Ben", -1.0)
        await speak(ann, 1.0, 3.0)
        await speak(ben, 0.5, 3.0)
        assert at.yaws == [0.0, 14.0, -14.0]
        assert at.motion.chunks[-1].look == Look(-14.0), "and goes on while it answers"
        await asyncio.sleep(32)
        assert at.yaws[-1] == 0.0, "ahead when it idles"


async def test_any_guest_interrupts():
    mind = ScriptedMind([LONG, ["Stopped."]])
    async with table(mind, asr=ScriptedAsr(["Go on.", "Wait!"])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 1.0, 1.5))
            await at.until("speaking")
        await asyncio.sleep(0.5)
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ben, 0.5, 1.5))
            await asyncio.sleep(0.25)
            loud = [np.abs(packet.pcm).max() > 100 for packet in at.packets[-2:]]
            assert loud == [False, False], "silent within a quarter of a second"
            await at.until_over()
    assert at.heard == [("Ann", "Go on."), ("Ben", "Wait!")]
    assert at.minutes.said[1].interrupted
    assert at.answers[-1] == "Stopped."


async def test_who_speaks_at_the_same_time_is_heard_next_and_both_are_answered_together():
    mind = ScriptedMind([[1.0, "To both."]])
    async with table(mind, asr=ScriptedAsr(["First.", "Second."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 2.0, 4.0))
            await asyncio.sleep(0.5)
            group.create_task(speak(ben, 1.0, 4.5))
            await at.until_over()
    assert at.heard == [("Ann", "First."), ("Ben", "Second.")]
    assert [(s.role, s.text) for s in at.minutes.said] == [
        ("user", "Ann: First. Ben: Second."), ("assistant", "To both."),
    ]  # fmt: skip
    assert at.answers == ["To both."]


async def test_all_of_what_waits_is_heard_and_none_of_it_twice():
    asr = RememberingAsr()
    async with table(ScriptedMind([["Yes."]]), asr=asr) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 2.0, 4.0))
            await asyncio.sleep(0.3)
            group.create_task(speak(ben, 1.2, 4.5))
            await at.until_over()
    loud_s = [round(float((np.abs(pcm) > 0.02).sum()) / 16_000 / 0.94, 1) for pcm in asr.heard]
    assert loud_s[0] == pytest.approx(2.0, abs=0.15)
    assert loud_s[-1] == pytest.approx(1.2, abs=0.15)


class RememberingAsr(ScriptedAsr):
    """Keeps what it heard."""

    def __init__(self):
        super().__init__()
        self.heard = []

    async def transcribe(self, pcm):
        self.heard.append(pcm)
        return await super().transcribe(pcm)


async def test_a_word_of_assent_is_no_turn():
    async with table(ScriptedMind([["Yes."]]), asr=ScriptedAsr(["Long story."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 3.0, 2.0))
            await asyncio.sleep(1)
            group.create_task(speak(ben, 0.3, 3.0))
            await at.until_over()
        await asyncio.sleep(3)
    assert at.heard == [("Ann", "Long story.")]
    assert at.answers == ["Yes."]


async def test_typed_text_waits_for_who_speaks_and_carries_the_name():
    mind = ScriptedMind([[1.0, "Both."]])
    async with table(mind, asr=ScriptedAsr(["Spoken."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 1.5, 1.5))
            await asyncio.sleep(0.5)
            ben.push_text("Typed.")
            ben.push_text("  ")
            await at.until_over()
    assert at.heard == [("Ann", "Spoken."), ("Ben", "Typed.")]
    assert at.answers == ["Both."]


async def test_typed_text_of_anyone_interrupts_the_avatar():
    async with table(ScriptedMind([LONG, ["Stopped."]])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben", 1.0)
        ann.push_text("Tell me.")
        await at.until("speaking")
        await asyncio.sleep(0.5)
        ben.push_text("Stop.")
        await at.until_over()
    assert at.heard == [("Ann", "Tell me."), ("Ben", "Stop.")]
    assert at.answers[-1] == "Stopped."
    assert at.yaws[-1] == 14.0


async def test_the_key_holds_the_floor_however_long_the_pause():
    async with table(ScriptedMind([["Yes."]]), asr=ScriptedAsr(["By key.", "By voice."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        ann.hold()
        await speak(ann, 0.5, 4.0)
        await speak(ben, 1.0, 0.0)
        assert at.heard == []
        await speak(ann, 0.5)
        ann.release()
        await speak(ben, 0.0, 0.1)
        await at.until_over()
    assert at.heard == [("Ann", "By key."), ("Ben", "By voice.")]
    assert at.answers == ["Yes."], "to both at once"


async def test_a_key_pressed_while_another_speaks_waits_and_is_heard_whole():
    asr = RememberingAsr()
    async with table(ScriptedMind([["Yes."]]), asr=asr) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 3.0, 1.5))
            await asyncio.sleep(0.2)
            ben.hold()
            await speak(ben, 0.4, 1.2)
            await speak(ben, 0.4)
            ben.release()
            await at.until_over()
    assert [speaker for speaker, _ in at.heard] == ["Ann", "Ben"]
    assert len(asr.heard[-1]) / 16_000 == pytest.approx(2.0, abs=0.4), "with the pause in its middle"


async def test_a_cough_gives_the_floor_back():
    async with table(ScriptedMind([["Yes."]]), asr=ScriptedAsr(["", "Hello."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 0.3, 4.0))
            await asyncio.sleep(0.2)
            ben.push_text("Typed.")
            await asyncio.sleep(3.5)
        assert at.heard == [("Ben", "Typed.")]


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_microphone_that_stops_in_the_middle_of_a_word_does_not_keep_the_floor(leaves):
    async with table(ScriptedMind([["Yes."], ["And yes."]]), asr=ScriptedAsr(["Half a w"])) as at:
        ann, ben = at.sit("Ann", 1.0), at.sit("Ben")
        await speak(ann, 1.0)
        if leaves:
            ann.leave()
            ann.push_text("never")
        await at.until_over()
        ben.push_text("Go on.")
        await at.until_over()
    assert at.heard == [("Ann", "Half a w"), ("Ben", "Go on.")]
    assert at.answers == ["Yes.", "And yes."]


async def test_whom_the_avatar_does_not_heed_cannot_keep_others_from_interrupting():
    mind = ScriptedMind([LONG, ["Stopped."]])
    async with table(mind, asr=ScriptedAsr(["Wait!"]), hears_from=0.3) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        ann.push_text("Go on.")
        await at.until("speaking")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 3.0))
            await asyncio.sleep(1.0)
            assert at.talking[-1] == (("Ann",), "Ann")
            group.create_task(speak(ben, 0.8, 2.0, tone=3 * TONE))
            await asyncio.sleep(0.3)
            assert np.abs(at.packets[-1].pcm).max() < 100
            await at.until_over()
    assert at.heard == [("Ann", "Go on."), ("Ben", "Wait!")]


async def test_who_leaves_takes_along_what_waits():
    async with table(ScriptedMind([["Yes."]]), asr=ScriptedAsr(["Long."])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 1.5, 1.5))
            await asyncio.sleep(0.5)
            ben.push_text("Too late.")
            ben.leave()
            ben.leave()
            await at.until_over()
    assert at.heard == [("Ann", "Long.")]


async def test_too_many_texts_are_refused_and_that_is_told():
    async with table(ScriptedMind([["Yes."]])) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        await speak(ann, 0.5)
        for number in range(20):
            ben.push_text(f"{number}")
        assert at.assembly.stats()["floor_waiting"] == 16
        assert at.assembly.stats()["floor_refused"] == 4
        await asyncio.sleep(0)
        assert any(isinstance(e, Notice) and "Ben" in e.text for e in at.events)


async def test_speech_that_waits_too_long_loses_its_begin_and_says_so():
    async with table(ScriptedMind([["Yes."]]), wait_limit_s=2.0) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben")
        ann.hold()
        await speak(ben, 4.0)
        assert at.assembly.stats()["waiting_forgotten_s"] == pytest.approx(2.0, abs=0.1)
        ann.release()


async def test_the_first_guest_is_free_and_every_other_has_a_place():
    async with table(ScriptedMind([["Yes."]]), guest_places=1) as at:
        ann, _ = at.sit("Ann"), at.sit("Ben")
        with pytest.raises(RoomFullError):
            at.sit("Cid")
        ann.leave()
        assert not at.places
        at.sit("Cid")


async def test_alone_it_is_a_conversation_like_any_other():
    mind = ScriptedMind([LONG, ["Yes."]])
    async with table(mind, asr=ScriptedAsr(["Go.", "Really?"])) as at:
        ann = at.sit("Ann")
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 1.0, 1.5))
            await at.until("speaking")
        await speak(ann, 0.5, 0.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(speak(ann, 0.0, 1.0))
            await at.until_over()
    assert [s.text for s in at.minutes.said][2:] == ["Ann: Really?", "Yes."]
    assert at.yaws == [0.0]


async def loudspeaker(at, seat, seconds, *, talks_from_s=None):
    """Let a guest's microphone hear what their loudspeaker plays, half as loud; then the guest too."""
    random = np.random.default_rng(0)
    for frame in range(round(25 * seconds)):
        await asyncio.sleep(0.04)
        played = at.packets[max(0, len(at.packets) - 1 - LATE)].pcm
        pcm = 0.5 * played + random.normal(0, 10, MEDIA_SAMPLES_PER_FRAME)
        if talks_from_s is not None and frame >= 25 * talks_from_s:
            pcm += 5000 * buzz(235 * (frame / 25 + np.arange(MEDIA_SAMPLES_PER_FRAME) / MEDIA_RATE_HZ))
        seat.push_audio(np.clip(pcm, -32768, 32767).astype(np.int16), MEDIA_RATE_HZ)


COUNTING = ["One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."]


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_guests_loudspeaker_is_no_guest(guarded):
    async with table(ScriptedMind([COUNTING]), voice=BuzzingVoice(), guarded=guarded) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben", -1.0)
        ann.push_text("Count.")
        await at.until("speaking")
        await loudspeaker(at, ben, 4)
        talking, ends = at.talking, [end for packet in at.packets for end in packet.finished]
        assert at.assembly.stats()["guests_echo_windows"] > (20 if guarded else -1)
    assert (("Ben",), "Ben") in talking or guarded, "without the guard he would have had the floor"
    assert not [names for names, _ in talking if names] or not guarded
    assert not ends or not guarded, "nobody interrupted it"


async def test_a_guest_is_heard_over_their_own_loudspeaker():
    async with table(ScriptedMind([COUNTING, ["Yes."]]), voice=BuzzingVoice(), guarded=True) as at:
        ann, ben = at.sit("Ann"), at.sit("Ben", -1.0)
        ann.push_text("Count.")
        await at.until("speaking")
        await loudspeaker(at, ben, 3, talks_from_s=1.5)
        assert at.talking[0] == (("Ben",), "Ben")
        ends = [end for packet in at.packets for end in packet.finished]
        assert [end.interrupted for end in ends] == [True]
        assert 1.4 < ends[0].played_s < 2.2
