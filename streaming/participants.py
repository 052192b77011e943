"""Everybody who takes part in a show over WHIP or WHEP: opened by an offer, ended by either side."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streaming.config import RoomConfig
from streaming.metrics import EndedCounts
from streaming.show import Show
from streaming.shows import Part, Shows

logger = logging.getLogger(__name__)


class Participant(Protocol):
    """A connection into a show."""

    async def answer(self, offer_sdp: str) -> str:
        """Return the SDP answer. Raises `OfferError`."""
        ...

    async def trickle(self, fragment: str) -> bool:
        """Add candidates; False, with nothing done, for an ICE restart. Raises `FragmentError`."""
        ...

    async def run(self) -> None:
        """Take part until either side leaves."""
        ...

    def end(self) -> None:
        """Ask `run` to return."""
        ...

    def stats(self) -> dict[str, float]:
        """Return counts and depths by name."""
        ...

    async def aclose(self) -> None:
        """Close the connection. Safe to call twice, and instead of `run`."""
        ...


Joins = Callable[[Show, RoomConfig], Participant]


@dataclass(frozen=True, slots=True)
class Opened:
    """A participant that was answered."""

    key: str
    """Unguessable name; who knows it may end the participation."""
    etag: str
    """Names the ICE session, which is never restarted."""
    answer: str


@dataclass(slots=True)
class _Running:
    participant: Participant
    part: Part
    etag: str
    task: "asyncio.Task[None] | None" = None


class Participants:
    """Owns the task of every participant of one kind."""

    def __init__(self, joins: Joins, shows: Shows, config: RoomConfig, ended: EndedCounts) -> None:
        self._ended = ended
        self._joins = joins
        self._shows = shows
        self._config = config
        self._running: dict[str, _Running] = {}

    def __len__(self) -> int:
        return len(self._running)

    def all(self) -> list[Participant]:
        """Return those who take part."""
        return [running.participant for running in self._running.values()]

    async def open(self, show: str, avatar: str | None, offer_sdp: str) -> Opened:
        """Answer an offer.

        Raises:
            ValueError, KeyError, RoomFullError: see `Shows.join`.
            ShowBusyError: the show is driven by somebody else.
            OfferError: the offer cannot be answered.
        """
        part = await self._shows.join(show, avatar)
        participant: Participant | None = None
        try:
            participant = self._joins(part.show, self._config)
            answer = await participant.answer(offer_sdp)
        except BaseException:
            if participant is not None:
                await participant.aclose()
            await part.leave()
            raise
        opened = Opened(secrets.token_urlsafe(16), f'"{secrets.token_hex(8)}"', answer)
        running = self._running[opened.key] = _Running(participant, part, opened.etag)
        running.task = asyncio.create_task(self._run(opened.key, running), name="participant")
        return opened

    def find(self, key: str) -> tuple[Participant, str] | None:
        """Return a participant and its ETag, or None."""
        running = self._running.get(key)
        return (running.participant, running.etag) if running else None

    async def end(self, key: str) -> bool:
        """End a participation and wait until it is freed. Returns False when there is none of this key."""
        running = self._running.get(key)
        if running is None or running.task is None:
            return False
        running.participant.end()
        await asyncio.wait([running.task])
        return True

    async def aclose(self) -> None:
        """End everybody's participation."""
        for key in list(self._running):
            await self.end(key)

    async def _run(self, key: str, running: _Running) -> None:
        over = asyncio.create_task(running.part.show.ended.wait())
        work = asyncio.create_task(running.participant.run())
        try:
            await asyncio.wait([work, over], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        except Exception:
            logger.exception("a participant of %s failed", running.part.show.name)
        finally:
            work.cancel()
            over.cancel()
            await asyncio.wait([work, over])
            self._ended.add(running.participant.stats())
            await running.participant.aclose()
            await running.part.leave()
            del self._running[key]
