"""A gathering: several guests with one avatar. They see and hear it and hear each other.

It is a show whose voice nobody else may drive, so players and recordings may watch it. It begins with the
first guest and ends with the last.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final

from engine.packets import AVPacket
from streaming.clock import VisitClock
from streaming.config import RoomConfig
from streaming.contract import Company, Guest, Guests, Host, RoomFullError
from streaming.guest_line import GuestLine, OnLeave
from streaming.metrics import EndedCounts
from streaming.mixing import mixed
from streaming.shared_pictures import Studio
from streaming.show import ShowBusyError
from streaming.shows import Part, Shows

logger = logging.getLogger(__name__)

PLACES: Final = (0.0, -1.0, 1.0, -0.5, 0.5)
"""Where guests sit, in the order in which they come."""
NAME_MAX_CHARS: Final = 40


class Gathering:
    """Hands packets and events of one company to its guests. Call `run` once, in a task."""

    def __init__(self, part: Part, company: Company, config: RoomConfig) -> None:
        self._part = part
        self._company = company
        self._lines: list[GuestLine] = []
        self._studio = Studio(config.video_bitrate)
        self._clock = VisitClock(0)
        self._give_back = part.show.take_floor("a gathering")
        self._stop_watching = part.show.watch(self._hand_out)

    @property
    def name(self) -> str:
        """The name in its link."""
        return self._part.show.name

    @property
    def avatar(self) -> str:
        """Name of the avatar."""
        return self._part.show.avatar

    @property
    def guests(self) -> tuple[Guest, ...]:
        """Who is here, from left to right."""
        return tuple(sorted((line.guest for line in self._lines), key=lambda guest: guest.place))

    @property
    def ended(self) -> asyncio.Event:
        """Set when no more packets will come."""
        return self._part.show.ended

    def seat(self, name: str, on_leave: OnLeave) -> GuestLine:
        """Give a guest a seat and a line.

        Raises:
            RoomFullError: every seat is taken, or the machine has no power left.
        """
        taken = {guest.place for guest in self.guests}
        free = [place for place in PLACES if place not in taken]
        if not free:
            raise RoomFullError(f"{len(PLACES)} people are here already; that is all there is room for.")
        guest = Guest(self._name_for(name), free[0])
        line = GuestLine(guest, self._company.admit(guest), self._studio, on_leave, self._page_figures)
        self._lines.append(line)
        self._tell_guests()
        return line

    def get_up(self, line: GuestLine) -> bool:
        """Let a guest go; returns whether anybody is left."""
        self._lines.remove(line)
        self._tell_guests()
        return bool(self._lines)

    async def run(self) -> None:
        """Pass on what every guest is told, until the company has no more to tell."""
        try:
            async for event in self._company.events():
                for line in self._lines:
                    line.tell(event)
        finally:
            for line in self._lines:
                line.end()

    def stats(self) -> dict[str, float]:
        """Return the figures of the company and the encoders, without those of session and guests."""
        return {**self._company.stats(), **self._studio.stats()}

    async def aclose(self) -> None:
        """End the company, its session, and the show. Safe to call twice."""
        self._stop_watching()
        self._give_back()
        await self._studio.aclose()
        await self._part.show.aclose()
        await self._part.leave()

    def _hand_out(self, packet: AVPacket) -> None:
        """Send one packet to every guest, with the others' voices in it."""
        voices = {line: line.voice.take(len(packet.pcm)) for line in self._lines}
        for line in self._lines:
            others = (voice for other, voice in voices.items() if other is not line)
            line.hand_out(replace(packet, pcm=mixed(packet.pcm, others)))
        self._studio.commit(packet.picture, self._clock.picture_pts(packet.pts_samples))

    def _tell_guests(self) -> None:
        for line in self._lines:
            line.tell(Guests(line.guest.name, self.guests))

    def _name_for(self, wanted: str) -> str:
        """Return a name nobody else here has."""
        wanted = " ".join(wanted.split())[:NAME_MAX_CHARS] or "Guest"
        taken = {guest.name.casefold() for guest in self.guests}
        names = [wanted, *(f"{wanted} {number}" for number in range(2, len(PLACES) + 2))]
        return next(name for name in names if name.casefold() not in taken)

    def _page_figures(self) -> dict[str, float]:
        return {**self._part.show.session.stats(), **self._company.stats()}


class Gatherings:
    """All gatherings of a room, by name."""

    def __init__(self, host: Host, shows: Shows, config: RoomConfig, ended: EndedCounts) -> None:
        self._host = host
        self._shows = shows
        self._config = config
        self._ended = ended
        self._running: dict[str, tuple[Gathering, asyncio.Task[None]]] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._running)

    def get(self, name: str) -> Gathering | None:
        """Return a gathering that goes on, or None."""
        found = self._running.get(name)
        return found[0] if found else None

    def stats(self) -> list[dict[str, float]]:
        """Return the figures of every gathering, without those of its session and its guests."""
        return [gathering.stats() for gathering, _ in self._running.values()]

    async def join(self, name: str, avatar: str, guest: str) -> tuple[Gathering, GuestLine]:
        """Take part; the gathering begins now when it does not go on. Leave by closing the line.

        Args:
            name: any word of a-z, 0-9, `-` and `_`.
            avatar: whom a new gathering meets.
            guest: the visitor's name; a number is added when somebody has it.

        Raises:
            ValueError: the name is no such word.
            KeyError: there is no such avatar.
            RoomFullError: no place, for the avatar or for the guest.
            ShowBusyError: a show of this name runs that is no gathering.
        """
        async with self._opening:
            gathering = self.get(name) or await self._begin(name, avatar)

            async def leave(line: GuestLine) -> None:
                if not gathering.get_up(line):
                    await self._end(gathering)

            try:
                return gathering, gathering.seat(guest, leave)
            except BaseException:
                if not gathering.guests:
                    await self._end(gathering)
                raise

    async def aclose(self) -> None:
        """End every gathering."""
        for gathering, _ in list(self._running.values()):
            await self._end(gathering)

    async def _begin(self, name: str, avatar: str) -> Gathering:
        companies: list[Company] = []

        async def cast(avatar: str) -> Company:
            companies.append(await self._host.gather(avatar))
            return companies[0]

        part = await self._shows.join(name, avatar, cast)
        try:
            if not companies:
                raise ShowBusyError(f"{name!r} is the name of a show")
            gathering = Gathering(part, companies[0], self._config)
        except BaseException:
            await part.leave()
            raise
        task = asyncio.create_task(gathering.run(), name=f"gathering {name}")
        self._running[name] = gathering, task
        return gathering

    async def _end(self, gathering: Gathering) -> None:
        found = self._running.get(gathering.name)
        if found is not None and found[0] is gathering:
            del self._running[gathering.name]
            self._ended.add(gathering.stats())
            await gathering.aclose()
            await asyncio.wait([found[1]])
