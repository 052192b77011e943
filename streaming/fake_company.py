"""`FakeCompany`: repeats what its guests say, one after another, in a hummed tone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Int16

from engine.session import Session
from models.motion.look import Look
from streaming.contract import Caption, Guest, RoomEvent, RoomFullError, SpeechPiece, StateChange, Talking
from streaming.delivery import deliver
from streaming.fake_performer import FakePerformer
from streaming.voice_gate import GateState, VoiceGate

SEATS: Final = 4
SEAT_YAW_DEG: Final = 14.0
EVENTS_MAX: Final = 256
"""Events kept for a room that does not read; the oldest goes."""
TURNS_MAX: Final = 16


class FakeCompany:
    """A `Company` of arithmetic: what is loud is speech, and it answers with how long that lasted."""

    def __init__(self, size: int = 512) -> None:
        self._performer = FakePerformer(size)
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue(EVENTS_MAX)
        self._turns: asyncio.Queue[tuple[FakeSeat, str]] = asyncio.Queue(TURNS_MAX)
        self._count = 0
        self._task = asyncio.create_task(self._answer_all(), name="fake company")
        self.seats: list[FakeSeat] = []
        """Who sits here."""
        self.looks: list[Look] = []
        """Where it looked, one after another."""

    @property
    def closed(self) -> bool:
        """True after `aclose`."""
        return self._performer.closed

    @property
    def session(self) -> Session:
        """The session."""
        return self._performer.session

    def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield a tone for each word."""
        return self._performer.voice(text)

    def admit(self, guest: Guest) -> "FakeSeat":
        """Give a guest a seat. Raises `RoomFullError` when all are taken."""
        if len(self.seats) == SEATS:
            raise RoomFullError(f"All {SEATS} seats are taken; try again in a moment.")
        seat = FakeSeat(self, guest)
        self.seats.append(seat)
        return seat

    async def events(self) -> AsyncIterator[RoomEvent]:
        """Yield events until closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def stats(self) -> dict[str, float]:
        """Return how many turns wait."""
        return {"floor_waiting": float(self._turns.qsize())}

    async def aclose(self) -> None:
        """End the session and the events."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._performer.aclose()
        self.tell(None)

    def tell(self, event: RoomEvent | None) -> None:
        """Tell every guest something."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    def tell_talking(self) -> None:
        """Tell who speaks; who began first is heard."""
        names = tuple(seat.guest.name for seat in self.seats if seat.speaking)
        self.tell(Talking(names, names[0] if names else ""))

    def take_turn(self, seat: "FakeSeat", text: str) -> None:
        """Answer a guest after everybody before, and interrupt what is said."""
        if not self._turns.full():
            self._turns.put_nowait((seat, text))
            self.session.clear()

    async def _answer_all(self) -> None:
        while True:
            seat, text = await self._turns.get()
            self._count += 1
            self.looks.append(Look(SEAT_YAW_DEG * seat.guest.place))
            self.session.look(self.looks[-1])
            self.tell(Caption("visitor", self._count, text, final=True, speaker=seat.guest.name))
            answer = f"You said: {text}"
            self.tell(StateChange("speaking"))
            await deliver(self.session, self.voice(answer))
            self.tell(Caption("avatar", self._count, answer, final=True))
            self.tell(StateChange("idle"))


@dataclass(slots=True, eq=False)
class FakeSeat:
    """A seat at a `FakeCompany`."""

    company: FakeCompany
    guest: Guest
    heard_s: float = 0.0
    """Sound pushed so far."""
    loudest_played: int = 0
    """Largest sample that the guest was sent so far."""
    held: bool = False
    _gate: VoiceGate = field(default_factory=VoiceGate)
    _state: GateState = field(default_factory=GateState)
    _said_s: float = 0.0

    @property
    def speaking(self) -> bool:
        """Whether the guest is loud, or holds the key."""
        return self._state.open or self.held

    @property
    def _gone(self) -> bool:
        return self not in self.company.seats

    def push_audio(self, pcm: Int16[np.ndarray, "samples"], sample_rate_hz: int) -> None:
        """Measure how long somebody is loud; answer after a pause."""
        if self._gone:
            return
        before = self.speaking
        said, self._state = self._gate.step(pcm, sample_rate_hz, self._state)
        self.heard_s += len(pcm) / sample_rate_hz
        self._said_s += len(said) / sample_rate_hz
        self._follow(before)

    def played(self, pcm: Int16[np.ndarray, "samples"]) -> None:
        """Note how loud it is."""
        self.loudest_played = max(self.loudest_played, int(np.abs(pcm.astype(np.int32)).max(initial=0)))

    def push_text(self, text: str) -> None:
        """Repeat the text."""
        if text.strip() and not self._gone:
            self.company.take_turn(self, text.strip())

    def hold(self) -> None:
        """Listen until `release`."""
        if self._gone:
            return
        before, self.held = self.speaking, True
        self._follow(before)

    def release(self) -> None:
        """Answer what was heard since `hold`."""
        if not self.held:
            return
        before, self.held = self.speaking, False
        self._state = GateState()
        self._follow(before)

    def leave(self) -> None:
        """Get up."""
        if not self._gone:
            self.company.seats.remove(self)

    def _follow(self, before: bool) -> None:
        if self.speaking == before:
            return
        self.company.tell_talking()
        if not self.speaking:
            said_s, self._said_s = self._said_s, 0.0
            if said_s:
                self.company.take_turn(self, f"({said_s:.1f} seconds of speech)")
