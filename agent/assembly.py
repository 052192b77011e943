"""Several visitors and one avatar.

There is one floor, and these are its rules:

1. While the floor is free, whoever is first heard to speak, presses the key or sends a text has it. That
   interrupts the avatar, whoever it talks to.
2. Whoever has it keeps it until they are silent and their words are known; or until they have been silent for
   `yield_after_s` and nothing came of it. While the avatar speaks on for all that they say (it takes it for
   echo, or a cough), anybody else may have it.
3. Who speaks or types meanwhile waits. What they say is kept, and heard next, in the order in which they
   began. Only a word shorter than `nod_s` that is over by then was a nod, and is forgotten.
4. The avatar answers when nobody waits: the words of the next in turn interrupt its thoughts, and are
   answered together with those before.
5. It looks at the one who has the floor, goes on looking there while it answers, and ahead when it idles.

A `Conversation` hears the microphone of the one who has the floor, and knows nothing of the others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from jaxtyping import Int16

from agent.assembly_config import AssemblyConfig
from agent.conversation import OUTBOX_LIMIT, Conversation
from agent.echo import EchoScorer
from agent.floor import Floor
from agent.guest_ear import GuestEar
from agent.mailbox import Mailbox
from agent.minutes import Minutes
from agent.performer import VoicedPerformer
from agent.vad import SpeechDetector
from engine.session import Session
from models.motion.look import AHEAD, Look
from models.motion.stage import SPEECH_RATE_HZ
from streaming.contract import Caption, Guest, Notice, RoomEvent, SpeechPiece, StateChange, Talking

WAITING_LIMIT: Final = 16
"""Contributions that wait for the floor; one of speech for each guest, the rest is typed."""
LOOK_AGAIN_S: Final = 0.2
HEEDED_S: Final = 0.5
"""What the conversation may take to fall silent for whom it heeds."""
NO_SOUND_S: Final = 0.3
"""A microphone that sends nothing for so long is taken for silent, so that its words come to an end."""


class Assembly:
    """A `streaming.contract.Company`. Owns its conversation, and with it the session.

    Args:
        session: shows the avatar.
        conversation: hears, thinks and speaks; its history is `minutes`.
        minutes: told who speaks.
        performer: gives the session to the room.
        detector_of: makes what finds speech in one microphone, and its guard against echo, if any.
        config: the rules' numbers.
        admit: takes the place of one more guest, returns how to give it back. Raises `RoomFullError`.
    """

    def __init__(
        self,
        session: Session,
        conversation: Conversation,
        minutes: Minutes,
        performer: VoicedPerformer,
        detector_of: Callable[[], tuple[SpeechDetector[Any], EchoScorer[Any] | None]],
        config: AssemblyConfig,
        admit: Callable[[], Callable[[], None]],
    ) -> None:
        self._session = session
        self._conversation = conversation
        self._minutes = minutes
        self._performer = performer
        self._detector_of = detector_of
        self._config = config
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self._outbox: Mailbox[RoomEvent] = Mailbox(OUTBOX_LIMIT)
        self._seats: list[GuestSeat] = []
        self._places: list[Callable[[], None]] = []
        self._holder: GuestSeat | None = None
        self._typed = False
        self._granted_s = 0.0
        self._spoke: GuestSeat | None = None
        self._waiting: deque[tuple[GuestSeat, str]] = deque()
        self._refused = 0
        self._state = Floor.IDLE.value
        self._told = Talking(())
        self._tasks = [
            asyncio.create_task(self._follow(), name="assembly"),
            asyncio.create_task(self._watch(), name="floor"),
        ]

    @property
    def session(self) -> Session:
        """The avatar's session; see `Performer`."""
        return self._session

    def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield `text` as speech; see `Performer`."""
        return self._performer.voice(text)

    def admit(self, guest: Guest) -> "GuestSeat":
        """Give a guest a seat; see `Company`."""
        if self._seats:
            self._places.append(self._admit())
        look = Look(guest.place * self._config.seat_yaw_deg)
        seat = GuestSeat(self, guest.name, look, self._new_ear())
        self._seats.append(seat)
        return seat

    def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what every guest is told; see `Company`."""
        return aiter(self._outbox)

    def tell(self, event: RoomEvent) -> None:
        """Tell every guest something from outside the conversation."""
        self._outbox.put(event)

    def stats(self) -> dict[str, float]:
        """Return depths and drops; see `Company`."""
        session = self._session.stats()
        inner = {name: value for name, value in self._conversation.stats().items() if name not in session}
        return {
            **inner,
            "events_depth": float(self._outbox.depth),
            "events_dropped": inner["events_dropped"] + self._outbox.dropped,
            "floor_waiting": float(len(self._waiting)),
            "floor_refused": float(self._refused),
            "waiting_forgotten_s": sum(seat.ear.forgotten_s for seat in self._seats),
            "guests_echo_windows": float(sum(seat.ear.echo_windows for seat in self._seats)),
        }

    async def aclose(self) -> None:
        """End the conversation and the session; see `Performer`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._conversation.aclose()
        await self._performer.aclose()
        self._outbox.close()
        for seat in list(self._seats):
            seat.leave()

    def hear(self, seat: "GuestSeat", pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Take sound of a guest."""
        seat.heard_s = self._loop.time()
        before = seat.ear.speaking
        sound = seat.ear.push(pcm, sample_rate_hz)
        if self._hears(seat):
            self._conversation.push_audio(sound, SPEECH_RATE_HZ)
        else:
            seat.ear.keep(sound)
        if seat.ear.speaking and not before:
            self.want(seat)
        elif self._hears(seat) and self._yields(seat):
            self._pass_on()
        self._tell_talking()

    def played(self, seat: "GuestSeat", pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what a guest's loudspeaker plays: the avatar, and the other guests."""
        seat.ear.played(pcm)
        if self._hears(seat):
            self._conversation.played(pcm)

    def want(self, seat: "GuestSeat", text: str = "") -> None:
        """Let a guest have the floor for their speech or a text, now or later."""
        if self._holder is not seat and self._ignored:
            self._free()
        if self._holder is None:
            self._grant(seat, text)
        elif self._hears(seat) and not text:
            if seat.by_key:
                seat.by_key = False
                self._conversation.hold()
        elif text or (seat, "") not in self._waiting:
            if len(self._waiting) == WAITING_LIMIT:
                self._refused += 1
                self.tell(Notice("warning", f"Too many wait to be heard; {seat.name} was not."))
            else:
                self._waiting.append((seat, text))

    def let_go(self, seat: "GuestSeat") -> None:
        """Take note that a guest's key came up; what is not heard yet, is later."""
        seat.ear.end()
        if self._hears(seat):
            self._conversation.release()
        self._tell_talking()

    def get_up(self, seat: "GuestSeat") -> None:
        """Let a guest go. Who has the floor is heard to the end."""
        self._seats.remove(seat)
        while len(self._places) > max(0, len(self._seats) - 1):
            self._places.pop()()
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not seat)
        self._tell_talking()

    def _new_ear(self) -> GuestEar:
        detector, echo = self._detector_of()
        return GuestEar(detector, self._config.wait_limit_s, echo)

    def _hears(self, seat: "GuestSeat") -> bool:
        return self._holder is seat and not self._typed

    @property
    def _ignored(self) -> bool:
        """Whether the avatar speaks on although somebody has the floor."""
        if self._typed or self._state != Floor.SPEAKING.value:
            return False
        return self._loop.time() - self._granted_s > HEEDED_S

    def _yields(self, seat: "GuestSeat") -> bool:
        """Tell whether nothing came of what the one with the floor said, and nothing will."""
        return seat.ear.silent_s >= self._config.yield_after_s and self._state != Floor.THINKING.value

    def _grant(self, seat: "GuestSeat", text: str) -> None:
        self._holder, self._typed, self._granted_s = seat, bool(text), self._loop.time()
        self._minutes.speaker = seat.name
        self._session.look(seat.look)
        if text:
            self._conversation.push_text(text)
            return
        if self._spoke is not seat:
            self._conversation.push_audio(seat.ear.pause(), SPEECH_RATE_HZ)
            self._spoke = seat
        by_key, seat.by_key = seat.by_key, False
        if by_key:
            self._conversation.hold()
        for block in seat.ear.take():
            self._conversation.push_audio(block, SPEECH_RATE_HZ)
        if by_key and not seat.ear.held:
            self._conversation.release()

    def _pass_on(self) -> None:
        """Free the floor, and give it to the next who waits and said something."""
        self._free()
        while self._waiting and self._holder is None:
            seat, text = self._waiting.popleft()
            speaks = seat.ear.speaking or seat.by_key
            if text or speaks or seat.ear.voiced_s >= self._config.nod_s:
                self._grant(seat, text)
            else:
                seat.ear.forget()

    def _free(self) -> None:
        if self._holder is not None and not self._typed:
            self._holder.ear.end()
        self._holder, self._typed = None, False

    async def _follow(self) -> None:
        """Pass on what the conversation tells, and learn from it when somebody's words are known."""
        async for event in self._conversation.events():
            if isinstance(event, Caption) and event.who == "visitor":
                self._outbox.put(replace(event, speaker=self._minutes.speaker))
                if event.final:
                    self._understood()
                continue
            if isinstance(event, StateChange):
                self._state = event.state
                if event.state == Floor.IDLE.value:
                    self._session.look(AHEAD)
            self._outbox.put(event)

    def _understood(self) -> None:
        holder = self._holder
        if holder is not None and (self._typed or not holder.ear.busy):
            self._pass_on()
            self._tell_talking()

    async def _watch(self) -> None:
        """Let silence follow where a microphone has stopped, so that nobody keeps the floor for ever."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            holder = self._holder
            if holder is None or not self._hears(holder) or holder.ear.held:
                continue
            if self._loop.time() - holder.heard_s >= NO_SOUND_S:
                silence = np.zeros(round(LOOK_AGAIN_S * SPEECH_RATE_HZ), np.int16)
                heard_s = holder.heard_s
                self.hear(holder, silence, SPEECH_RATE_HZ)
                holder.heard_s = heard_s

    def _tell_talking(self) -> None:
        names = tuple(seat.name for seat in self._seats if seat.ear.speaking or seat.ear.held)
        now = Talking(names, self._holder.name if self._holder is not None else "")
        if now != self._told:
            self._told = now
            self._outbox.put(now)


class GuestSeat:
    """One guest in an assembly; a `streaming.contract.Seat`."""

    def __init__(self, assembly: Assembly, name: str, look: Look, ear: GuestEar) -> None:
        self._assembly = assembly
        self._left = False
        self.name = name
        self.look = look
        """Where the avatar sees them."""
        self.ear = ear
        self.by_key = False
        """Whether what waits was said with the key down."""
        self.heard_s = 0.0
        """Loop time of the last sound."""

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Take the guest's microphone; see `Listener`."""
        if not self._left:
            self._assembly.hear(self, pcm, sample_rate_hz)

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Take what the guest hears; see `Seat`."""
        if not self._left:
            self._assembly.played(self, pcm)

    def push_text(self, text: str) -> None:
        """Take a typed turn; see `Listener`. Blank text is nothing."""
        if text.strip() and not self._left:
            self._assembly.want(self, text.strip())

    def hold(self) -> None:
        """Begin push-to-talk; see `Listener`."""
        if not (self._left or self.ear.held):
            self.ear.held = self.by_key = True
            self._assembly.want(self)

    def release(self) -> None:
        """End push-to-talk; see `Listener`."""
        if self.ear.held:
            self.ear.held = False
            self._assembly.let_go(self)

    def leave(self) -> None:
        """Get up; see `Seat`."""
        if not self._left:
            self.release()
            self._left = True
            self._assembly.get_up(self)
