"""The Realtime API's events, spoken by OpenAI's own client: text, sound, turns, interruptions, functions."""

import asyncio

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agent.asr import AsrError, ScriptedAsr
from agent.mind import EchoMind, MindUnreachableError, ScriptedMind
from agent.tools import ToolCall
from agent.voice import ToneVoice
from tests.agent.realtime import RATE, calling, realtime_room
from tests.streaming.players import playing
from tests.streaming.rooms import until

LETTER_S = ToneVoice.LETTER_S


def listening(**changes):
    return {"type": "session.update", "session": {"type": "realtime", "audio": {"input": changes}}}


async def test_a_text_is_answered_in_sound_words_and_picture():
    mind = ScriptedMind([["[smile] Good ", "day! ", "How are you?"]])
    async with realtime_room(mind) as (room, _), calling(room) as caller, playing(room.http) as player:
        await player.take("video", 1)
        await caller.ask("Hello.")
        done = await caller.until("response.done")
        await player.until_mouth_opens()
        await caller.until("output_audio_buffer.stopped")
    assert done.response.status == "completed"
    assert done.response.output[0].content[0].transcript == "Good day! How are you?"
    deltas = [event.delta for event in caller.of("response.output_audio_transcript.delta")]
    assert "".join(deltas) == "Good day! How are you?"
    letters, words = len("Gooddays!Howareyou?") - 1, 5
    assert len(caller.sound()) == pytest.approx(RATE * LETTER_S * (letters + words), abs=RATE // 100)
    assert np.abs(caller.sound()).max() > 5000
    assert [m.content for m in mind.asked[0]] == ["Be kind.", "Hello."]
    order = [
        "session.created", "conversation.item.added", "conversation.item.done", "response.created",
        "response.output_item.added", "response.content_part.added", "response.output_audio.done",
        "response.output_audio_transcript.done", "response.content_part.done", "response.output_item.done",
        "response.done",
    ]  # fmt: skip
    firsts = [caller.kinds.index(kind) for kind in order]
    assert firsts == sorted(firsts)


async def test_turns_are_found_in_the_sound():
    mind, asr = ScriptedMind([["Fine."]]), ScriptedAsr(["How are you?"], delay_s=0.01)
    async with realtime_room(mind, asr=asr) as (room, _), calling(room) as caller:
        await caller.hush(1)
        await caller.speak(1)
        await caller.hush(1)
        await caller.until("response.done")
    started = caller.of("input_audio_buffer.speech_started")[0]
    stopped = caller.of("input_audio_buffer.speech_stopped")[0]
    committed = caller.of("input_audio_buffer.committed")[0]
    assert started.audio_start_ms == pytest.approx(700, abs=150)
    assert stopped.audio_end_ms == pytest.approx(2000, abs=100)
    assert started.item_id == stopped.item_id == committed.item_id
    heard = caller.of("conversation.item.input_audio_transcription.completed")[0]
    assert (heard.item_id, heard.transcript) == (committed.item_id, "How are you?")
    assert [m.content for m in mind.asked[0]] == ["Be kind.", "How are you?"]


async def test_a_turn_can_be_committed_by_hand():
    mind, asr = ScriptedMind([["Fine."]]), ScriptedAsr(["Question."], delay_s=0.05)
    async with realtime_room(mind, asr=asr) as (room, _), calling(room) as caller:
        await caller.manual()
        await caller.speak(0.5)
        await caller.connection.input_audio_buffer.clear()
        await caller.connection.input_audio_buffer.commit()
        assert (await caller.until("error")).error.code == "input_audio_buffer_commit_empty"
        await caller.speak(0.5)
        await caller.connection.input_audio_buffer.commit()
        await caller.until("conversation.item.input_audio_transcription.completed")
        assert not mind.asked, "nobody asked for a response"
        await caller.connection.response.create()
        await caller.until("response.done")
    assert not caller.of("input_audio_buffer.speech_started")
    assert mind.asked[0][-1].content == "Question."


async def test_speech_interrupts_and_the_mind_knows_what_was_heard():
    mind = ScriptedMind([["one two three four five six seven eight nine ten. " * 3], ["Yes."]])
    async with realtime_room(mind) as (room, host), calling(room) as caller:
        await caller.ask("Count.")
        await caller.until("output_audio_buffer.started")
        await asyncio.sleep(0.8)
        await caller.speak(0.5)
        cleared = await caller.until("output_audio_buffer.cleared")
        cut = await caller.until("conversation.item.truncated")
        done = await caller.until("response.done")
        assert host.performers[0].session.waiting_s() == 0
        await caller.hush(1)
        await caller.until("response.done", 2)
    assert done.response.id == cleared.response_id
    assert done.response.status == "cancelled"
    assert done.response.status_details.reason == "turn_detected"
    assert 300 < cut.audio_end_ms < 3000
    answer = mind.asked[1][2].content
    assert answer.startswith("one two")
    assert answer.endswith("—")
    assert len(answer.split()) < 12


async def test_a_response_can_be_cancelled():
    mind = ScriptedMind([[5.0, "Never said."], ["Said."]])
    async with realtime_room(mind) as (room, _), calling(room) as caller:
        await caller.ask("Hello.")
        await caller.until("response.created")
        await caller.connection.response.cancel()
        done = await caller.until("response.done")
        await caller.connection.response.cancel()
        assert (await caller.until("error")).error.code == "response_cancel_not_active"
        await caller.connection.response.create()
        await caller.until("response.done", 2)
    assert done.response.status_details.reason == "client_cancelled"
    assert not done.response.output


async def test_a_client_truncates_what_its_user_did_not_hear():
    mind = ScriptedMind([["one two three four."], ["Yes."]])
    async with realtime_room(mind) as (room, _), calling(room) as caller:
        await caller.ask("Count.")
        done = await caller.until("response.done")
        item = done.response.output[0].id
        heard_ms = round(1000 * LETTER_S * (4 + 4))
        await caller.connection.conversation.item.truncate(
            item_id=item, content_index=0, audio_end_ms=heard_ms
        )
        await caller.until("conversation.item.truncated")
        await caller.connection.conversation.item.retrieve(item_id=item)
        shown = await caller.until("conversation.item.retrieved")
        assert "output_audio_buffer.cleared" in caller.kinds, "the avatar stops with its client"
    assert len(shown.item.content[0].transcript.split()) <= 2


async def test_functions_are_passed_to_the_client_and_their_results_back():
    call = ToolCall("call_7", "weather", '{"city": "Oslo"}')
    mind = ScriptedMind([["Let me see. ", call], ["It rains."]])
    async with realtime_room(mind) as (room, _), calling(room) as caller:
        tool = {
            "type": "function",
            "name": "weather",
            "description": "Tells it.",
            "parameters": {"type": "object"},
        }
        await caller.connection.session.update(session={"type": "realtime", "tools": [tool]})
        updated = await caller.until("session.updated")
        await caller.ask("Weather?")
        done = await caller.until("response.done")
        asked = await caller.until("response.function_call_arguments.done")
        await caller.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": asked.call_id, "output": "rain"}
        )
        await caller.connection.response.create()
        answer = await caller.until("response.done", 2)
    assert updated.session.tools[0].name == "weather"
    assert (asked.name, asked.call_id, asked.arguments) == ("weather", "call_7", '{"city": "Oslo"}')
    assert [item.type for item in done.response.output] == ["message", "function_call"]
    assert mind.offered[0].tools[0].name == "weather"
    said, result = mind.asked[1][-2:]
    assert (said.content, said.calls) == ("Let me see.", (call,))
    assert (result.role, result.content, result.call_id) == ("tool", "rain", "call_7")
    assert answer.response.output[0].content[0].transcript == "It rains."


async def test_functions_need_a_mind_that_knows_them():
    async with realtime_room(EchoMind()) as (room, _), calling(room) as caller:
        await caller.connection.session.update(
            session={"type": "realtime", "tools": [{"type": "function", "name": "weather"}]}
        )
        assert (await caller.until("error")).error.code == "tools_unsupported"


async def test_text_alone_is_not_spoken():
    async with realtime_room(EchoMind()) as (room, host), calling(room) as caller:
        await caller.connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await caller.ask("Quiet.")
        done = await caller.until("response.done")
        assert host.performers[0].session.waiting_s() == 0
    assert done.response.output[0].content[0].text == "You said: Quiet."
    assert not caller.of("response.output_audio.delta")


async def test_instructions_replace_the_persona():
    mind = ScriptedMind([["Arr."]])
    async with realtime_room(mind) as (room, _), calling(room) as caller:
        await caller.connection.session.update(session={"type": "realtime", "instructions": "Be a pirate."})
        await caller.ask("Hello.")
        await caller.until("response.done")
        await caller.connection.response.create(response={"instructions": "Be a parrot."})
        await caller.until("response.done", 2)
    assert [asked[0].content for asked in mind.asked] == ["Be a pirate.", "Be a parrot."]


@pytest.mark.parametrize("failing", ["mind", "voice", "asr"])
async def test_failures_are_told_and_the_conversation_goes_on(failing):
    mind = ScriptedMind(
        [[MindUnreachableError("nobody there")] if failing == "mind" else ["bad."], ["Good."]]
    )
    voice = ToneVoice(fails_on="bad") if failing == "voice" else None
    asr = ScriptedAsr([AsrError("deaf"), "Hello."], delay_s=0.01) if failing == "asr" else None
    async with realtime_room(mind, voice=voice, asr=asr) as (room, _), calling(room) as caller:
        if failing == "asr":
            await caller.manual()
            await caller.speak(0.3)
            await caller.connection.input_audio_buffer.commit()
            failed = await caller.until("conversation.item.input_audio_transcription.failed")
            assert failed.error.message == "deaf"
        else:
            await caller.ask("Hello.")
            done = await caller.until("response.done")
            assert done.response.status == "failed"
            assert done.response.status_details.error.code in ("MindUnreachableError", "VoiceError")
        await caller.ask("Again.")
        await caller.until("output_audio_buffer.stopped")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "session.dance"}, "invalid_event"),
        ({"type": "input_audio_buffer.append", "audio": "???"}, "invalid_audio"),
        ({"type": "input_audio_buffer.commit"}, "turn_detection_is_on"),
        ({"type": "conversation.item.delete", "item_id": "nothing"}, "item_not_found"),
        (listening(format={"type": "audio/opus"}), "invalid_event"),
        (listening(format={"type": "audio/pcmu", "rate": 24000}), "invalid_event"),
        (listening(turn_detection={"type": "server_vad", "threshold": 7}), "invalid_event"),
    ],
)
async def test_what_cannot_be_obeyed_is_explained(event, code):
    async with realtime_room(EchoMind()) as (room, _), calling(room) as caller:
        await caller.connection.send(event | {"event_id": "mine"})
        error = (await caller.until("error")).error
        assert error.code == code
        await caller.ask("Still here?")
        await caller.until("response.done")


async def test_a_second_response_waits_for_its_turn():
    async with realtime_room(ScriptedMind([[1.0, "Slow."]])) as (room, _), calling(room) as caller:
        await caller.ask("One.")
        await caller.ask("Two.")
        error = (await caller.until("error")).error
        assert error.code == "conversation_already_has_active_response"
        await caller.until("response.done")


async def test_leaving_frees_everything():
    before = asyncio.all_tasks()
    async with realtime_room(ScriptedMind([["word " * 100]])) as (room, host):
        async with calling(room) as caller:
            await caller.ask("Talk.")
            await caller.until("output_audio_buffer.started")
        await until(lambda: host.performers[0].closed)
        assert host.stats()["sessions"] == 0
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_show_is_driven_by_one_client():
    async with realtime_room(EchoMind()) as (room, _), calling(room) as caller:
        await caller.until("session.created")
        with pytest.raises(InvalidStatus) as refused:
            async with calling(room):
                pass
        assert refused.value.response.status_code == 409
        answer = await room.http.post("/v1/speak", json={"show": "stage", "text": "me too"})
        assert answer.status_code == 409


async def test_a_show_that_ends_ends_the_conversation():
    async with realtime_room(EchoMind()) as (room, host), calling(room) as caller:
        await caller.until("session.created")
        await host.performers[0].aclose()
        with pytest.raises(ConnectionClosed):
            await caller.until("nothing")


@pytest.mark.parametrize(("token", "status"), [("secret", None), ("guess", 401)])
async def test_a_token_is_needed_where_one_is_set(token, status):
    async with realtime_room(EchoMind(), token="secret") as (room, _):
        if status is None:
            async with calling(room, token) as caller:
                await caller.until("session.created")
            return
        with pytest.raises(InvalidStatus) as refused:
            async with calling(room, token):
                pass
        assert refused.value.response.status_code == status
