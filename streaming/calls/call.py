"""`Call`: people who see and hear each other, drawn from their motion and their voice."""

import asyncio
from typing import Final

from streaming.calls.caller import Caller
from streaming.calls.line import CallLine
from streaming.contract import Host, People, RoomFullError
from streaming.motion.called import How

PEOPLE_MAX: Final = 4
LOOK_S: Final = 0.2
"""How often it is looked who speaks."""
NAME_MAX_CHARS: Final = 40


class Call:
    """One call. Everybody is shown one of the others: the only one, or who speaks."""

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self._host = host
        self._callers: list[Caller] = []
        self._lines: list[CallLine] = []
        self._shown: dict[CallLine, Caller | None] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def people(self) -> list[Caller]:
        """Who is here, in the order in which they came."""
        return list(self._callers)

    def name_for(self, wanted: str) -> str:
        """Return a name nobody else here has."""
        wanted = " ".join(wanted.split())[:NAME_MAX_CHARS] or "Guest"
        taken = {caller.person.name.casefold() for caller in self._callers}
        names = [wanted, *(f"{wanted} {number}" for number in range(2, PEOPLE_MAX + 2))]
        return next(name for name in names if name.casefold() not in taken)

    async def add(self, caller: Caller, line: CallLine | None) -> None:
        """Let somebody in; without a line they see nobody here.

        Raises:
            RoomFullError: the call has all the people it can have, or nobody more can be drawn.
            KeyError: there is no such avatar.
        """
        if len(self._callers) == PEOPLE_MAX:
            raise RoomFullError(f"{PEOPLE_MAX} people are in this call already; that is all it can have.")
        self._callers.append(caller)
        if line is not None:
            self._lines.append(line)
            line.on_watch = self._note_watched
        caller.on_change = self._tell
        try:
            await self._draw()
        except BaseException:
            await self.remove(caller, line)
            raise
        self._arrange()
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name=f"call {self.name}")

    async def remove(self, caller: Caller, line: CallLine | None) -> None:
        """Let somebody go. Safe to call twice."""
        if caller in self._callers:
            self._callers.remove(caller)
        if line in self._lines:
            self._lines.remove(line)
            self._shown.pop(line, None)
        self._arrange()
        await caller.aclose()
        for other in self._callers:
            if not self._is_seen(other):
                await other.rest()

    def stats(self) -> list[dict[str, float]]:
        """Return the figures of everybody who is drawn."""
        return [caller.stats() for caller in self._callers]

    async def aclose(self) -> None:
        """End the call: every line ends, every drawing is freed."""
        for line in tuple(self._lines):
            line.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for caller in tuple(self._callers):
            await self.remove(caller, None)

    async def _draw(self) -> None:
        """Draw everybody whom somebody else wants to see as a picture."""
        for caller in self._callers:
            if self._is_seen(caller):
                await caller.draw(self._host)

    def _is_seen(self, caller: Caller) -> bool:
        return any(line.draws and line.caller is not caller for line in self._lines)

    def _arrange(self) -> None:
        """Choose whom each sees, and tell everybody who is here."""
        for line in self._lines:
            others = [caller for caller in self._callers if caller is not line.caller]
            shown = self._shown.get(line)
            if shown not in others:
                shown = others[0] if others else None
            self._shown[line] = shown
            line.follow(shown, others)
        self._note_watched()
        self._tell()

    def _note_watched(self) -> None:
        """Let pictures be made of those alone whom somebody looks at."""
        for caller in self._callers:
            shown = [line for line in self._lines if line.watches and self._shown.get(line) is caller]
            caller.be_watched(by_somebody=bool(shown))

    async def _watch(self) -> None:
        """Show who speaks, and nobody of whom nothing comes, where there is a choice."""
        while True:
            await asyncio.sleep(LOOK_S)
            for line in self._lines:
                others = [caller for caller in self._callers if caller is not line.caller]
                shown = self._shown.get(line)
                better = [other for other in others if other.is_speaking]
                if shown is not None and not better and shown.person.how == How.STILL:
                    better = [other for other in others if other.person.how != How.STILL]
                if len(others) > 1 and better and shown not in better:
                    self._shown[line] = better[0]
                    line.follow(better[0], others)
                    self._note_watched()
                    self._tell()

    def _tell(self) -> None:
        people = tuple(caller.person for caller in self._callers)
        for line in self._lines:
            shown = self._shown.get(line)
            line.tell(People(line.caller.person.name, people, shown.person.name if shown else ""))
