"""One visit: hears, thinks, speaks, and gives way when it is interrupted.

A conversation is one actor. Everything that arrives waits in a bounded mailbox and is handled in order by one
task, the listener; at most one more task, the turn, recognises, thinks and speaks. An interruption silences
the session at once, ends the turn, and leaves in the history what was really heard.

    idle ──► listening ──► thinking ──► speaking ──► listening
                 ▲─────────────┴────────────┘  the visitor speaks or types
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Int16

from agent.asr import Asr, AsrError, Transcript
from agent.hearing import Began, Hearing, HearingEvent, MayBeOver, Utterance, WentOn
from agent.history import History
from agent.latency import TurnClock
from agent.mailbox import Mailbox
from agent.mind import Mind
from agent.reply import Reply
from agent.turns import ConversationConfig, Floor, Input, KeyDown, KeyUp, MicSound, Turn, Typed
from agent.voice import Voice
from engine.packets import AVPacket
from engine.session import Session
from engine.speech import SegmentEvent
from models.motion.stage import SPEECH_RATE_HZ
from streaming.contract import Caption, Notice, RoomEvent, StateChange

_log = logging.getLogger(__name__)

INBOX_LIMIT: Final = 200
"""Four seconds of microphone in 20 ms packets: more is too old to be answered."""
OUTBOX_LIMIT: Final = 256
"""A page that does not read its events for a whole long answer loses the oldest."""
CARRY_LIMIT: Final = 28 * SPEECH_RATE_HZ
"""Samples; Whisper reads 30 s at once."""


@dataclass(frozen=True, slots=True)
class Senses:
    """What a conversation hears, thinks and speaks with; shared by all visits but `hearing` and `history`."""

    hearing: Hearing
    asr: Asr
    mind: Mind
    voice: Voice
    history: History
    apology: str


class Conversation:
    """The avatar's side of one visit; a `streaming.contract.Partner`. Make it inside a running loop.

    Owns its session and closes it; the models in `senses` belong to the host, which hears through `on_close`
    that the visit is over.
    """

    def __init__(
        self,
        session: Session,
        senses: Senses,
        config: ConversationConfig,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_close = on_close
        self._session = session
        self._senses = senses
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._inbox: Mailbox[Input] = Mailbox(INBOX_LIMIT, lambda item: isinstance(item, MicSound))
        self._outbox: Mailbox[RoomEvent] = Mailbox(OUTBOX_LIMIT)
        self._floor = Floor.IDLE
        self._idle_timer: asyncio.TimerHandle | None = None
        self._turns = 0
        self._turn: Turn | None = None
        self._turn_task: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        self._guess: asyncio.Task[Transcript] | None = None
        self._carry = np.zeros(0, np.float32)
        self._unsubscribe = session.subscribe(self._on_segment)
        self._closed = False
        self._listener = asyncio.create_task(self._listen(), name="listener")

    def packets(self) -> AsyncIterator[AVPacket]:
        """Yield pictures and sound for ever; see `Partner`."""
        return aiter(self._session)

    def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what the page should know; see `Partner`."""
        return aiter(self._outbox)

    def tell(self, event: RoomEvent) -> None:
        """Let the page know something from outside the conversation."""
        self._outbox.put(event)

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Take the visitor's microphone; see `Partner`."""
        if not self._closed:
            self._session.hear(pcm, sample_rate_hz)
        self._inbox.put(MicSound(pcm, sample_rate_hz))

    def push_text(self, text: str) -> None:
        """Take a typed turn; see `Partner`. Blank text is nothing."""
        if text.strip():
            self._inbox.put(Typed(text.strip(), self._loop.time()))

    def hold(self) -> None:
        """Begin push-to-talk; see `Partner`."""
        self._inbox.put(KeyDown())

    def release(self) -> None:
        """End push-to-talk; see `Partner`."""
        self._inbox.put(KeyUp())

    def stats(self) -> dict[str, float]:
        """Return the session's figures, and the depths and drops of this conversation's queues."""
        return {
            **self._session.stats(),
            **self._senses.hearing.stats(),
            "inbox_depth": float(self._inbox.depth),
            "inbox_dropped": float(self._inbox.dropped),
            "events_depth": float(self._outbox.depth),
            "events_dropped": float(self._outbox.dropped),
        }

    async def aclose(self) -> None:
        """Leave; see `Partner`."""
        if self._closed:
            return
        self._closed = True
        self._inbox.close()
        self._listener.cancel()
        await asyncio.wait([self._listener])
        await self._interrupt()
        await _cancel(self._guess)
        self._unsubscribe()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._outbox.close()
        await self._session.aclose()
        self._on_close()

    async def _listen(self) -> None:
        """Handle what arrives, in order; a failure is told and does not end the visit."""
        async for item in self._inbox:
            try:
                await self._handle(item)
            except Exception:
                _log.exception("the conversation failed at an input")
                self._outbox.put(Notice("error", "Something went wrong while listening. Please try again."))

    async def _handle(self, item: Input) -> None:
        match item:
            case MicSound():
                for event in self._senses.hearing.push(item.pcm, item.sample_rate_hz):
                    await self._on_heard(event)
            case KeyDown():
                for event in self._senses.hearing.hold():
                    await self._on_heard(event)
            case KeyUp():
                for event in self._senses.hearing.release():
                    await self._on_heard(event)
            case Typed():
                await self._interrupt()
                turn = self._new_turn(item.at_s)
                self._learn(turn, item.text)
                self._start(turn)

    async def _on_heard(self, event: HearingEvent) -> None:
        match event:
            case Began():
                await self._interrupt()
                self._set_floor(Floor.LISTENING)
            case MayBeOver() if not self._carry.size:
                await _cancel(self._guess)
                self._guess = asyncio.create_task(self._senses.asr.transcribe(event.pcm), name="guess")
            case WentOn():
                await _cancel(self._guess)
                self._guess = None
            case Utterance():
                await self._on_utterance(event)

    async def _on_utterance(self, utterance: Utterance) -> None:
        now_s = self._loop.time()
        turn = self._new_turn(now_s - utterance.silence_s)
        turn.pcm = np.concatenate([self._carry, utterance.pcm])[-CARRY_LIMIT:]
        self._carry = np.zeros(0, np.float32)
        self._mark(turn, "vad_end")
        if utterance.as_paused:
            turn.guess, self._guess = self._guess, None
        await _cancel(self._guess)
        self._guess = None
        self._start(turn)

    def _new_turn(self, user_stop_s: float) -> Turn:
        self._turns += 1
        return Turn(self._turns, TurnClock(self._turns, user_stop_s))

    def _start(self, turn: Turn) -> None:
        self._set_floor(Floor.THINKING)
        self._turn = turn
        self._turn_task = asyncio.create_task(self._take(turn), name=f"turn {turn.number}")

    async def _take(self, turn: Turn) -> None:
        """Do everything one turn consists of; leaves the floor to the visitor, whatever happens."""
        try:
            if await self._understand(turn):
                await self._answer(turn)
        except Exception:
            _log.exception("a turn failed")
            self._outbox.put(Notice("error", "Something went wrong while answering. Please try again."))
        self._set_floor(Floor.LISTENING)

    async def _understand(self, turn: Turn) -> bool:
        """Find out what was said; returns whether there is something to answer."""
        if turn.text is None:
            text = await self._recognise(turn)
            self._mark(turn, "asr_final")
            self._learn(turn, text)
        return self._senses.history.unanswered

    def _learn(self, turn: Turn, text: str) -> None:
        """Note the visitor's words, at once, so that no interruption can lose them."""
        turn.text = text
        if text:
            self._outbox.put(Caption("visitor", turn.number, text, final=True))
            self._senses.history.add_visitor(text)

    async def _recognise(self, turn: Turn) -> str:
        try:
            if turn.guess is None:
                return (await self._senses.asr.transcribe(turn.pcm)).text
            return (await turn.guess).text
        except AsrError as error:
            _log.warning("recognition failed: %s", error)
            self._outbox.put(Notice("error", f"I could not understand: {error}"))
            return ""

    async def _answer(self, turn: Turn) -> None:
        self._reply = Reply(
            turn.number, self._session, self._senses.mind, self._senses.voice, self._config.ahead_s,
            tell=self._outbox.put, mark=lambda stage: self._mark(turn, stage),
        )  # fmt: skip
        try:
            await self._reply.give(self._senses.history.messages(), self._senses.apology)
        finally:
            reply, self._reply = self._reply, None
            reply.silence()
            self._senses.history.add_avatar(reply.heard, interrupted=reply.interrupted)
            self._outbox.put(Caption("avatar", turn.number, reply.heard, final=True))

    async def _interrupt(self) -> None:
        """Fall silent now and end the turn; unrecognised words are carried into the next one."""
        turn, task = self._turn, self._turn_task
        if turn is None or task is None:
            return
        if self._reply is not None:
            self._reply.silence()
        if turn.text is None and not task.done():
            self._carry = turn.pcm
        await _cancel(turn.guess)
        await _cancel(task)
        # Only now: whoever is cancelled while it waits here leaves the turn to the next who interrupts.
        self._turn = self._turn_task = None

    def _on_segment(self, event: SegmentEvent) -> None:
        if self._reply is not None and self._reply.on_segment(event):
            self._set_floor(Floor.SPEAKING)

    def _set_floor(self, floor: Floor) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if floor is Floor.LISTENING:
            self._idle_timer = self._loop.call_later(self._config.idle_after_s, self._fall_idle)
        self._session.attend(floor.presence)
        if floor is not self._floor:
            self._floor = floor
            self._outbox.put(StateChange(floor.value))

    def _fall_idle(self) -> None:
        if not self._senses.hearing.begun:
            self._set_floor(Floor.IDLE)

    def _mark(self, turn: Turn, stage: str) -> None:
        latency = turn.clock.mark(stage, self._loop.time())
        if latency is not None:
            self._outbox.put(latency)


async def _cancel(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait for its end; its result or failure no longer matters."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
