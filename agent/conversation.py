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
from typing import Final

import numpy as np
from jaxtyping import Float32, Int16

from agent.asr import Asr, AsrError
from agent.broken_off import Kept
from agent.fillers import Fillers
from agent.hearing import Began, Hearing, HearingEvent, MayBeOver, Utterance, WentOn
from agent.history import History
from agent.latency import TurnClock
from agent.mailbox import Mailbox
from agent.mind import Mind
from agent.reply import BrokenOff, Reply
from agent.suspicion import Suspicion
from agent.tasks import end
from agent.thought import Thought
from agent.turn_end import TurnEnd
from agent.turns import ConversationConfig, Floor, Input, KeyDown, KeyUp, MicSound, Turn, Typed
from agent.voice import Voice
from agent.words import Words
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
    """What a conversation hears, thinks and speaks with; `hearing`, `history` and `fillers` are its own."""

    hearing: Hearing
    asr: Asr
    mind: Mind
    voice: Voice
    history: History
    turn_end: TurnEnd
    words: Words
    fillers: Fillers
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
        self._suspicion: Suspicion | None = None
        self._kept = Kept(config.resume_within_s)
        self._carry = np.zeros(0, np.float32)
        self._carry_voiced_s = 0.0
        self._unsubscribe = session.subscribe(self._on_segment)
        self._unwatch = session.watch(self._on_made)
        self._closed = False
        self._listener = asyncio.create_task(self._listen(), name="listener")

    async def packets(self) -> AsyncIterator[AVPacket]:
        """Yield pictures and sound for ever; see `Partner`. The ear is told what goes out."""
        async for packet in self._session:
            self.played(packet.pcm)
            yield packet

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the visitor's loudspeaker plays, at `MEDIA_RATE_HZ`, where `packets` does not tell."""
        self._senses.hearing.played(pcm)

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
        await self._kept.drop()
        await self._forget_suspicion()
        self._unsubscribe()
        self._unwatch()
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
                await self._kept.drop()
                await self._forget_suspicion()
                turn = self._new_turn(item.at_s)
                self._learn(turn, item.text)
                self._start(turn)

    async def _on_heard(self, event: HearingEvent) -> None:
        match event:
            case Began():
                await self._interrupt()
                self._set_floor(Floor.LISTENING)
            case MayBeOver():
                await self._suspect(event.pcm)
            case WentOn():
                await self._forget_suspicion()
            case Utterance():
                await self._on_utterance(event)

    async def _suspect(self, pcm: Float32[np.ndarray, "samples"]) -> None:
        """Begin in a pause what will be needed if it ends the turn."""
        await self._forget_suspicion()
        self._senses.hearing.end_after(self._senses.turn_end.judge(None).silence_ms)
        self._suspicion = Suspicion(self._senses.asr, self._with_carry(pcm), self._on_words)

    async def _on_words(self, suspicion: Suspicion, text: str) -> None:
        """Take the words before a pause: they say how long it may be, and what will have to be answered."""
        if suspicion is not self._suspicion:
            return
        patience = self._senses.turn_end.judge(text)
        self._senses.hearing.end_after(patience.silence_ms)
        if not text or (self._kept.fresh is not None and self._senses.words.is_backchannel(text)):
            return
        await self._kept.drop()
        if patience.over and suspicion is self._suspicion:
            messages = self._senses.history.foresee(text)
            suspicion.thought = Thought(self._senses.mind, self._senses.voice, messages)

    async def _forget_suspicion(self) -> None:
        suspicion, self._suspicion = self._suspicion, None
        if suspicion is not None:
            await suspicion.aclose()

    def _with_carry(self, pcm: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "joined"]:
        return np.concatenate([self._carry, pcm])[-CARRY_LIMIT:]

    async def _on_utterance(self, utterance: Utterance) -> None:
        now_s = self._loop.time()
        await self._interrupt()  # a typed turn may have come since the visitor began to speak
        turn = self._new_turn(now_s - utterance.silence_s)
        turn.pcm, turn.voiced_s = self._with_carry(utterance.pcm), self._carry_voiced_s + utterance.voiced_s
        self._carry, self._carry_voiced_s = np.zeros(0, np.float32), 0.0
        self._mark(turn, "vad_end", now_s)
        if utterance.as_paused:
            turn.suspicion, self._suspicion = self._suspicion, None
        await self._forget_suspicion()
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
            if turn.text is None:
                await self._understand(turn)
            if (broken := self._kept.take()) is not None:
                await self._go_on(broken)
            elif self._senses.history.unanswered:
                await self._answer(turn)
        except Exception:
            _log.exception("a turn failed")
            self._outbox.put(Notice("error", "Something went wrong while answering. Please try again."))
        self._set_floor(Floor.LISTENING)

    async def _understand(self, turn: Turn) -> None:
        """Find out what was said. Only what cut the avatar off and is no words lets an answer be kept."""
        try:
            text, known_s = await self._recognise(turn)
        except AsrError as error:
            _log.warning("recognition failed: %s", error)
            self._outbox.put(Notice("error", f"I could not understand: {error}"))
            text, known_s = "", self._loop.time()
            await self._kept.drop()
        self._mark(turn, "asr_final", known_s)
        kept = self._kept.fresh
        if kept is not None and self._means_nothing(text, turn.voiced_s if kept.heard else 0.0):
            turn.text = text
            return
        self._learn(turn, text)
        await self._kept.drop()

    def _means_nothing(self, text: str, voiced_s: float) -> bool:
        """Tell whether the avatar may go on over this.

        A short "Stop" is not always understood; to one who only thinks nobody says it.
        """
        if text:
            return self._senses.words.is_backchannel(text)
        return voiced_s < self._config.noise_max_s

    def _learn(self, turn: Turn, text: str) -> None:
        """Note the visitor's words, at once, so that no interruption can lose them."""
        turn.text = text
        if text:
            self._outbox.put(Caption("visitor", turn.number, text, final=True))
            self._senses.history.add_visitor(text)

    async def _recognise(self, turn: Turn) -> tuple[str, float]:
        """Return the words of a turn, and when they were known. Raises `AsrError`."""
        if turn.suspicion is not None:
            text = await turn.suspicion.words()
            return text, turn.suspicion.known_s or self._loop.time()
        return (await self._senses.asr.transcribe(turn.pcm)).text, self._loop.time()

    async def _answer(self, turn: Turn) -> None:
        messages = self._senses.history.messages()
        thought = None if turn.suspicion is None else turn.suspicion.take_thought()
        if thought is None or thought.messages != tuple(messages):
            if thought is not None:
                await thought.aclose()
            thought = Thought(self._senses.mind, self._senses.voice, messages)
        await self._give(turn.number, thought, lambda stage, at_s: self._mark(turn, stage, at_s))

    async def _go_on(self, broken: BrokenOff) -> None:
        """Go on with an answer that was cut off by nothing; what is heard of it will be one contribution."""
        self._senses.history.take_back(broken.heard)
        await self._give(broken.turn, broken.thought, lambda stage, at_s: None, broken)

    async def _give(
        self,
        number: int,
        thought: Thought,
        mark: Callable[[str, float], None],
        after: BrokenOff | None = None,
    ) -> None:
        """Answer aloud, and remember what was heard. Cut off, the answer is kept, in case it can go on."""
        reply = self._reply = Reply(
            number, self._session, thought, self._config.ahead_s,
            apology=self._senses.apology, tell=self._outbox.put, mark=mark,
            fillers=self._senses.fillers if after is None else None, after=after,
        )  # fmt: skip
        try:
            await reply.give()
        finally:
            self._reply = None
            reply.silence()
            self._senses.history.add_avatar(reply.heard, interrupted=reply.interrupted)
            self._outbox.put(Caption("avatar", number, reply.heard, final=True))
            if (broken := reply.broken_off()) is not None:
                self._kept.keep(broken)
            else:
                await thought.aclose()

    async def _interrupt(self) -> None:
        """Fall silent now and end the turn; unrecognised words are carried into the next one."""
        turn, task = self._turn, self._turn_task
        if turn is None or task is None:
            return
        if self._reply is not None:
            self._reply.silence()
        if turn.text is None and not task.done():
            self._carry, self._carry_voiced_s = turn.pcm, turn.voiced_s
        await end(task)
        if turn.suspicion is not None:
            await turn.suspicion.aclose()
        # Only now: whoever is cancelled while it waits here leaves the turn to the next who interrupts.
        self._turn = self._turn_task = None

    def _on_segment(self, event: SegmentEvent) -> None:
        if self._reply is not None and self._reply.on_segment(event):
            self._set_floor(Floor.SPEAKING)

    def _on_made(self, stage: str, segment: int) -> None:
        if self._reply is not None:
            self._reply.on_made(stage)

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

    def _mark(self, turn: Turn, stage: str, at_s: float) -> None:
        latency = turn.clock.mark(stage, at_s)
        if latency is not None:
            self._outbox.put(latency)
