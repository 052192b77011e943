"""One response: the mind's answer as events for the client, and as the avatar's speech."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal

import numpy as np

from agent.mind import Message, Mind, MindError, ToolMind
from agent.realtime.items import Item, new_id
from agent.realtime.settings import Settings
from agent.tags import ScriptReader, Sentence, cues_of
from agent.tools import ToolCall
from agent.voice import SpokenPiece, Voice, VoiceError, Word
from engine.samples import StreamResampler, to_float, to_int16
from engine.session import Session
from models.motion.cue import Cue
from streaming.contract import SpeechPiece
from streaming.delivery import END_LEAD_S, push

LOOK_AGAIN_S: Final = 0.05
"""How often a session that is far enough ahead is asked again."""

Tell = Callable[..., None]
Status = Literal["in_progress", "completed", "cancelled", "failed"]


class Response:
    """Answers once. `give` is its task; cancelling it cancels the response.

    Args:
        session: speaks; nobody else pushes into it.
        mind: answers.
        voice: makes sound of it.
        settings: what holds for this response.
        ahead_s: seconds of sound that may wait in the session.
        tell: sends an event: its type, and its fields.
        add: adds an item to the conversation and tells it.
    """

    def __init__(
        self,
        session: Session,
        mind: Mind,
        voice: Voice,
        settings: Settings,
        ahead_s: float,
        *,
        tell: Tell,
        add: Callable[[Item], None],
    ) -> None:
        self.id = new_id("resp")
        self.cancel_reason = "client_cancelled"
        """Told when the response is cancelled."""
        self._session = session
        self._mind = mind
        self._voice = voice
        self._settings = settings
        self._ahead_s = ahead_s
        self._tell_plain = tell
        self._add = add
        self._output: list[Item] = []
        self._item: Item | None = None
        self._pushed_s = 0.0
        self._resampler: StreamResampler | None = None
        self._rate_hz = 0

    @property
    def item(self) -> Item | None:
        """The message it consists of; None before the first word, and for calls alone."""
        return self._item

    @property
    def sounded(self) -> bool:
        """Whether any sound was handed to the session."""
        return self._pushed_s > 0

    async def give(self, messages: Callable[[], Sequence[Message]]) -> None:
        """Answer the messages; failures are told, never raised."""
        self._tell_plain("response.created", response=self._form("in_progress"))
        try:
            async with aclosing(self._parts(messages())) as parts:
                await self._voice_parts(parts)
        except asyncio.CancelledError:
            self._finish("cancelled", {"type": "cancelled", "reason": self.cancel_reason})
            raise
        except (MindError, VoiceError) as error:
            failure = {"type": "server_error", "code": type(error).__name__, "message": str(error)}
            self._finish("failed", {"type": "failed", "error": failure})
        else:
            self._finish("completed", {"type": "completed"})

    def _parts(self, messages: Sequence[Message]) -> AsyncGenerator[str | ToolCall, None]:
        toolbox = self._settings.toolbox
        if toolbox.tools and isinstance(self._mind, ToolMind):
            return self._mind.answer_with(messages, toolbox)
        return _texts(self._mind, messages)

    async def _voice_parts(self, parts: AsyncGenerator[str | ToolCall, None]) -> None:
        reader = ScriptReader()
        state = reader.init_state()
        calls: list[ToolCall] = []
        async for part in parts:
            if isinstance(part, ToolCall):
                calls.append(part)
                continue
            sentences, state = reader.step(part, state)
            for sentence in sentences:
                await self._say(sentence)
        sentences, _ = reader.flush(state)
        for sentence in sentences:
            await self._say(sentence)
        for call in calls:
            self._call(call)

    async def _say(self, sentence: Sentence) -> None:
        if not sentence.text:
            for gesture, _ in sentence.gestures:
                self._session.push_cue(Cue(gesture, max(0.0, self._pushed_s - END_LEAD_S)))
            return
        item = self._open()
        text = sentence.text if not item.text else f" {sentence.text}"
        item.text += text
        spoken = self._settings.modality == "audio"
        kind = "output_audio_transcript" if spoken else "output_text"
        self._tell(f"response.{kind}.delta", content_index=0, delta=text)
        if spoken:
            await self._speak(sentence, item)

    async def _speak(self, sentence: Sentence, item: Item) -> None:
        words = 0
        async with aclosing(self._voice.speak(sentence.text)) as pieces:
            async for piece in pieces:
                await self._wait_for_room()
                at_s, cues = self._pushed_s, cues_of(sentence, piece, words)
                push(self._session, SpeechPiece(piece.pcm, piece.sample_rate_hz, piece.phones, cues), at_s)
                words += len(piece.words)
                item.words += [Word(w.text, at_s + w.start_s, at_s + w.end_s) for w in piece.words]
                self._pushed_s += piece.duration_s
                self._send(piece)

    async def _wait_for_room(self) -> None:
        """Stay no further ahead of what is heard than `ahead_s`."""
        while self._session.waiting_s() > self._ahead_s:  # noqa: ASYNC110  (a session tells nobody)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _send(self, piece: SpokenPiece) -> None:
        """Send the client what the avatar will say."""
        if self._resampler is None or piece.sample_rate_hz != self._rate_hz:
            self._resampler = StreamResampler(piece.sample_rate_hz, self._settings.told.rate_hz)
            self._rate_hz = piece.sample_rate_hz
        self._send_pcm(self._resampler.push(to_float(piece.pcm)))

    def _send_pcm(self, sound: np.ndarray) -> None:
        if len(sound):
            audio = base64.b64encode(self._settings.told.encode(to_int16(sound))).decode()
            self._tell("response.output_audio.delta", content_index=0, delta=audio)

    def _open(self) -> Item:
        """Return the response's message; it begins with the first sentence."""
        if self._item is None:
            spoken = self._settings.modality == "audio"
            self._item = Item("message", role="assistant", spoken=spoken, status="in_progress")
            self._begin(self._item)
            self._tell("response.content_part.added", content_index=0, part=self._part(""))
        return self._item

    def _begin(self, item: Item) -> None:
        self._output.append(item)
        self._tell_plain("response.output_item.added", **self._place(item), item=item.form())
        self._add(item)

    def _call(self, call: ToolCall) -> None:
        item = Item("function_call", role="assistant", call=call)
        self._begin(item)
        place = self._place(item) | {"item_id": item.id, "call_id": call.call_id}
        self._tell_plain("response.function_call_arguments.delta", **place, delta=call.arguments)
        self._tell_plain(
            "response.function_call_arguments.done", **place, name=call.name, arguments=call.arguments
        )
        self._end_item(item)

    def _finish(self, status: Status, details: dict[str, Any]) -> None:
        if self.sounded and status != "cancelled":
            self._session.end_segment()
        if self._item is not None:
            if self._item.spoken and not self.sounded:
                self._item.truncate(0.0)
            self._item.status = "completed" if status == "completed" else "incomplete"
            if self._resampler is not None:
                self._send_pcm(self._resampler.flush())
            if self._item.spoken:
                self._tell("response.output_audio.done", content_index=0)
                self._tell(
                    "response.output_audio_transcript.done", content_index=0, transcript=self._item.text
                )
            else:
                self._tell("response.output_text.done", content_index=0, text=self._item.text)
            self._tell("response.content_part.done", content_index=0, part=self._part(self._item.text))
            self._end_item(self._item)
        self._tell_plain("response.done", response=self._form(status, details))

    def _end_item(self, item: Item) -> None:
        self._tell_plain("response.output_item.done", **self._place(item), item=item.form())
        self._tell_plain("conversation.item.done", item=item.form())

    def _part(self, text: str) -> dict[str, str]:
        if self._settings.modality == "audio":
            return {"type": "audio", "transcript": text}
        return {"type": "text", "text": text}

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": self._output.index(item)}

    def _tell(self, kind: str, **fields: Any) -> None:
        """Send an event about the message."""
        item = self._open()
        self._tell_plain(kind, **self._place(item), item_id=item.id, **fields)

    def _form(self, status: Status, details: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": [item.form() for item in self._output],
            "output_modalities": [self._settings.modality],
        }


async def _texts(mind: Mind, messages: Sequence[Message]) -> AsyncGenerator[str | ToolCall, None]:
    async with aclosing(mind.answer(messages)) as deltas:
        async for delta in deltas:
            yield delta
