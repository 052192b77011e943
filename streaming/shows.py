"""All shows of a room: a show begins with the first who takes part and ends with the last."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from streaming.contract import Host, Performer, RoomFullError
from streaming.metrics import EndedCounts
from streaming.show import Show

logger = logging.getLogger(__name__)

NAME: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")


Cast = Callable[[str], Awaitable[Performer]]
"""Opens a show's avatar, by its name."""


@dataclass(slots=True, eq=False)
class Part:
    """One participant's hold on a show."""

    show: Show
    _running: "_Running"

    async def leave(self) -> None:
        """Let go; the last who does ends the show, and returns when everything of it is freed. Idempotent."""
        running = self._running
        running.parts.discard(self)
        if not running.parts:
            running.forget()
            await running.end()


@dataclass(slots=True, eq=False)
class _Running:
    """A show, its task, and who takes part."""

    show: Show
    task: "asyncio.Task[None]"
    shows: dict[str, "_Running"]
    parts: set[Part] = field(default_factory=set)

    def forget(self) -> None:
        """Let the next participant begin another show of this name."""
        if self.shows.get(self.show.name) is self:
            del self.shows[self.show.name]

    async def end(self) -> None:
        await self.show.aclose()
        await asyncio.wait([self.task])


class Shows:
    """Owns every show and its task.

    Set `on_begin` to be told of each show before anybody sees it.
    """

    def __init__(self, host: Host, ended: EndedCounts) -> None:
        self._host = host
        self._ended = ended
        self.on_begin: Callable[[Show], object] = lambda show: None
        self._running: dict[str, _Running] = {}
        self._opening = asyncio.Lock()
        self.opened = 0
        """Shows begun since the room opened."""

    def __len__(self) -> int:
        return len(self._running)

    def all(self) -> list[Show]:
        """Return the shows that run."""
        return [running.show for running in self._running.values()]

    def get(self, name: str) -> Show | None:
        """Return a show that runs, or None."""
        running = self._running.get(name)
        return running.show if running else None

    async def join(self, name: str, avatar: str | None = None, cast: Cast | None = None) -> Part:
        """Take part in a show; it begins now when it does not run.

        Args:
            name: any word of a-z, 0-9, `-` and `_`.
            avatar: whom a new show shows; by default the avatar called like the show, else the host's first.
            cast: opens the avatar of a new show; by default the host's `perform`.

        Raises:
            ValueError: the name is no such word.
            KeyError: there is no such avatar.
            RoomFullError: the host has no place.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"a show's name has letters a-z, digits, - and _, not {name!r}")
        async with self._opening:
            running = self._running.get(name) or await self._begin(name, avatar, cast or self._host.perform)
            part = Part(running.show, running)
            running.parts.add(part)
        return part

    async def aclose(self) -> None:
        """End every show."""
        for running in list(self._running.values()):
            running.forget()
            await running.end()

    async def _begin(self, name: str, avatar: str | None, cast: Cast) -> _Running:
        names = [card.name for card in self._host.avatars()]
        if not names:
            raise RoomFullError("There is no avatar yet that could be shown.")
        chosen = avatar or (name if name in names else names[0])
        show = Show(name, chosen, await cast(chosen))
        self.on_begin(show)
        task = asyncio.create_task(self._run(show), name=f"show {name}")
        running = self._running[name] = _Running(show, task, self._running)
        self.opened += 1
        logger.info("show %s begins; %d now", name, len(self))
        return running

    async def _run(self, show: Show) -> None:
        try:
            await show.run()
        except Exception:
            logger.exception("the show %s failed", show.name)
        finally:
            self._ended.add(show.stats())
            running = self._running.get(show.name)
            if running is not None and running.show is show:
                running.forget()
            logger.info("show %s is over; %d left", show.name, len(self))
