"""One realtime conversation: the client's events in, ours out, the avatar's session between.

Sound the avatar makes is the truth about what was heard: when it is silenced, the answer is truncated to the
words that sounded, and the client is told where.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int16

from agent.asr import Asr, AsrError
from agent.hearing import Began, HearingEvent, MayBeOver, Utterance, WentOn
from agent.mind import Message, Mind, ToolMind
from agent.realtime.ears import Ears
from agent.realtime.events import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    EventError,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    ResponseForm,
    SessionUpdate,
)
from agent.realtime.items import Item, Items, new_id
from agent.realtime.playback import Playback
from agent.realtime.response import Response
from agent.realtime.settings import Settings
from agent.suspicion import Suspicion
from agent.turn_end import TurnEndConfig, eager, turn_end
from agent.voice import Voice
from agent.words import Words
from engine.session import Session, SessionClosedError
from models.motion.stage import SPEECH_RATE_HZ, Presence

_log = logging.getLogger(__name__)

MAKING_MAX: Final = 64
"""Tasks of recognition and turns at once: a client that commits faster than anyone speaks is refused."""


@dataclass(frozen=True, slots=True)
class Mindset:
    """What a realtime conversation hears, thinks and speaks with."""

    ears: Ears
    asr: Asr
    mind: Mind
    voice: Voice
    opening: Sequence[Message]
    """Messages that stand first while the client gives no instructions."""
    history_chars: int
    """How much of the conversation the mind is shown."""
    ahead_s: float
    """Speech that is made ahead of what is heard."""
    words: Words
    turn_end: TurnEndConfig = TurnEndConfig()  # noqa: RUF009  (frozen)
    """How long a pause is only a pause, where the client leaves that to the words."""


class RealtimeConversation:
    """Obeys one client's events. Make it inside a running loop; `aclose` ends its tasks.

    Args:
        session: the avatar; nobody else pushes into it.
        mindset: see `Mindset`.
        model: what the client calls the model.
        tell: sends an event: its type, and its fields. Never blocks.
    """

    def __init__(self, session: Session, mindset: Mindset, model: str, tell: Callable[..., None]) -> None:
        self._session = session
        self._with = mindset
        self._model = model
        self._tell = tell
        self._settings = Settings()
        self._items = Items()
        self._utterance_id = new_id("item")
        self._response: Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        """Waits for the words of a turn, to answer it."""
        self._suspicion: Suspicion | None = None
        """The words before the pause at hand, on their way."""
        self._playback = Playback(tell)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unsubscribe = session.subscribe(self._playback.on_segment)
        session.attend(Presence.LISTENING)
        tell("session.created", session=self._settings.described(model))

    async def obey(self, event: ClientEvent) -> None:
        """Do what an event asks for. Raises `EventError` when it cannot be done."""
        match event:
            case SessionUpdate():
                self._update(event)
            case AudioAppend():
                coding = self._settings.heard
                pcm = event.pcm(coding)
                self._session.hear(pcm, coding.rate_hz)
                for heard in self._with.ears.push(pcm, coding.rate_hz):
                    await self._on_heard(heard)
            case AudioCommit():
                self._commit(self._with.ears.commit())
            case AudioClear():
                self._with.ears.clear()
                self._tell("input_audio_buffer.cleared")
            case ItemCreate():
                self._add(Item.read(event.item), event.previous_item_id, done=True)
            case ItemDelete():
                self._items.remove(event.item_id)
                self._tell("conversation.item.deleted", item_id=event.item_id)
            case ItemRetrieve():
                self._tell("conversation.item.retrieved", item=self._items.get(event.item_id).form())
            case ItemTruncate():
                await self._truncate(event)
            case ResponseCreate():
                self._respond(event.response)
            case ResponseCancel():
                await self._cancel(event)
            case OutputClear():
                await self._silence("client_cancelled")

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the avatar says as it goes out, at `MEDIA_RATE_HZ`: it may come back with the sound."""
        self._with.ears.played(pcm)

    async def aclose(self) -> None:
        """End everything that goes on. The floor is the caller's to give back."""
        await self._silence("client_cancelled")
        await self._forget_suspicion()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._unsubscribe()
        try:
            self._session.attend(Presence.IDLE)
        except SessionClosedError:
            _log.debug("the session ended before its conversation")

    def _update(self, event: SessionUpdate) -> None:
        settings = self._settings.patched(event.session)
        self._check_tools(settings)
        if settings.turns != self._settings.turns:
            self._with.ears.set_turns(settings.turns)
        self._settings = settings
        self._tell("session.updated", session=settings.described(self._model))

    def _check_tools(self, settings: Settings) -> None:
        if settings.toolbox.tools and not isinstance(self._with.mind, ToolMind):
            raise EventError("tools_unsupported", "the mind of this room cannot call functions")

    async def _on_heard(self, event: HearingEvent) -> None:
        turns, ears = self._settings.turns, self._with.ears
        if isinstance(event, Began):
            start_ms = max(0, ears.heard_ms - ears.noticed_after_ms)
            self._tell(
                "input_audio_buffer.speech_started", item_id=self._utterance_id, audio_start_ms=start_ms
            )
            self._session.attend(Presence.LISTENING)
            if self._turn is not None:
                # The user goes on before the turn was answered: both parts will be answered together.
                self._turn.cancel()
            if turns is None or turns.interrupt_response is not False:
                await self._silence("turn_detected")
        elif isinstance(event, MayBeOver):
            await self._suspect(event.pcm)
        elif isinstance(event, WentOn):
            await self._forget_suspicion()
        elif isinstance(event, Utterance):
            end_ms = ears.heard_ms - round(1000 * event.silence_s)
            self._tell("input_audio_buffer.speech_stopped", item_id=self._utterance_id, audio_end_ms=end_ms)
            item = self._commit(event.pcm, as_paused=event.as_paused)
            if turns is None or turns.create_response is not False:
                self._turn = self._begin(self._respond_to(item))

    async def _suspect(self, pcm: Float32[np.ndarray, "samples"]) -> None:
        """Recognise in a pause what was said before it: that tells how long the pause may be."""
        await self._forget_suspicion()
        turns = self._settings.turns
        if turns is None or not turns.by_words:
            return
        config = eager(self._with.turn_end, turns.eagerness or "auto")
        judge = turn_end(config, self._with.words).judge
        self._with.ears.end_after(judge(None).silence_ms)

        async def on_words(suspicion: Suspicion, text: str) -> None:
            if suspicion is self._suspicion:
                self._with.ears.end_after(judge(text).silence_ms)

        self._suspicion = Suspicion(self._with.asr, pcm, on_words)

    async def _forget_suspicion(self) -> None:
        suspicion, self._suspicion = self._suspicion, None
        if suspicion is not None:
            await suspicion.aclose()

    def _commit(self, pcm: Float32[np.ndarray, "samples"], *, as_paused: bool = False) -> Item:
        """Make the user's turn of sound an item, and begin to recognise it, where that was not done yet."""
        suspicion, self._suspicion = self._suspicion, None
        item = Item("message", self._utterance_id, spoken=True)
        self._utterance_id = new_id("item")
        self._tell("input_audio_buffer.committed", item_id=item.id, previous_item_id=self._items.last_id)
        item.transcript = self._begin(self._transcribe(item, pcm, suspicion, as_paused=as_paused))
        self._add(item, done=True)
        return item

    async def _transcribe(
        self, item: Item, pcm: Float32[np.ndarray, "samples"], suspicion: Suspicion | None, *, as_paused: bool
    ) -> str:
        kind = "conversation.item.input_audio_transcription"
        try:
            if suspicion is not None and as_paused:
                item.text = await suspicion.words()
            else:
                item.text = (await self._with.asr.transcribe(pcm)).text
        except AsrError as error:
            _log.warning("recognition failed: %s", error)
            failure = {"type": "transcription_error", "code": "asr_failed", "message": str(error)}
            self._tell(f"{kind}.failed", item_id=item.id, content_index=0, error=failure)
            return ""
        finally:
            if suspicion is not None:
                await suspicion.aclose()
        usage = {"type": "duration", "seconds": round(len(pcm) / SPEECH_RATE_HZ, 3)}
        self._tell(f"{kind}.completed", item_id=item.id, content_index=0, transcript=item.text, usage=usage)
        return item.text

    async def _respond_to(self, item: Item) -> None:
        """Answer a turn that was found in the sound, unless nothing was said in it."""
        if item.transcript is None or not await asyncio.shield(item.transcript):
            return
        if self._answering is not None:
            await asyncio.wait([self._answering])
        self._respond(ResponseForm())

    def _respond(self, form: ResponseForm) -> None:
        if self._answering is not None and not self._answering.done():
            raise EventError("conversation_already_has_active_response", "a response is being made already")
        settings = self._settings.for_response(form)
        self._check_tools(settings)
        response = Response(
            self._session, self._with.mind, self._with.voice, settings, self._with.ahead_s,
            tell=self._tell, add=self._add,
        )  # fmt: skip
        self._response = response
        if settings.modality == "audio":
            self._playback.expect(response)
        self._answering = self._begin(self._answer(response, settings))

    async def _answer(self, response: Response, settings: Settings) -> None:
        self._session.attend(Presence.THINKING)
        try:
            await self._items.settled()
            await response.give(lambda: self._messages(settings))
        finally:
            self._response = None
            self._playback.made(response)
            self._session.attend(Presence.LISTENING)

    def _messages(self, settings: Settings) -> Sequence[Message]:
        """Return what the mind is shown: the opening, and as much of the end as fits."""
        given = settings.instructions
        opening = list(self._with.opening) if given is None else [Message("system", given)]
        shown = list(self._items.messages())
        while len(shown) > 1 and sum(len(m.content) for m in shown) > self._with.history_chars:
            shown.pop(0)
        while shown and shown[0].role == "tool":
            # A result whose call is forgotten would be refused.
            shown.pop(0)
        return [*opening, *shown]

    async def _cancel(self, event: ResponseCancel) -> None:
        active = self._response
        if active is None or event.response_id not in (None, active.id):
            raise EventError("response_cancel_not_active", "no such response is being made")
        await self._silence("client_cancelled")

    async def _truncate(self, event: ItemTruncate) -> None:
        item = self._items.get(event.item_id)
        if item.role != "assistant" or not item.spoken:
            raise EventError("item_not_truncatable", "only what the avatar said can be truncated")
        if self._playback.holds(item):
            await self._silence("client_cancelled")
        self._playback.truncate(item, event.audio_end_ms)

    async def _silence(self, reason: str) -> None:
        """Fall silent now, and give up the response that is being made."""
        answering = self._answering
        if self._response is not None:
            self._response.cancel_reason = reason
        try:
            self._session.clear()
        except SessionClosedError:
            _log.debug("the session ended before its conversation")
        if answering is not None and not answering.done():
            answering.cancel()
            await asyncio.wait([answering])

    def _add(self, item: Item, after: str | None = None, *, done: bool = False) -> None:
        before = self._items.add(item, after)
        self._tell("conversation.item.added", previous_item_id=before, item=item.form())
        if done:
            self._tell("conversation.item.done", previous_item_id=before, item=item.form())

    def _begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        if len(self._tasks) >= MAKING_MAX:
            work.close()
            raise EventError("too_many_turns", f"{MAKING_MAX} turns are being worked on already")
        task = asyncio.create_task(work, name="realtime")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a realtime turn failed", exc_info=error)
            self._tell("error", error={"type": "server_error", "code": "turn_failed", "message": str(error)})
