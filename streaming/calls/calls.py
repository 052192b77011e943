"""All calls of a room, by name: a call begins with the first who joins and ends with the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streaming.calls.call import Call
from streaming.calls.caller import Caller
from streaming.calls.line import CallLine
from streaming.calls.voice import CallVoice
from streaming.config import RoomConfig
from streaming.contract import AvatarCard, Host, Person
from streaming.metrics import EndedCounts
from streaming.shows import NAME


class NotYoursError(PermissionError):
    """Somebody wants to lend an avatar their face who is not allowed to; the message says what is needed."""


class Calls:
    """Owns every call."""

    def __init__(self, host: Host, config: RoomConfig, ended: EndedCounts) -> None:
        self._host = host
        self._config = config
        self._ended = ended
        self._running: dict[str, Call] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._running)

    def get(self, name: str) -> Call | None:
        """Return a call that goes on, or None."""
        return self._running.get(name)

    def stats(self) -> list[dict[str, float]]:
        """Return the figures of everybody who is drawn."""
        return [figures for call in self._running.values() for figures in call.stats()]

    async def join(self, name: str, avatar: str, key: str, who: str, *, draws: bool) -> CallLine:
        """Take part as an avatar; leave by closing the line.

        Args:
            name: of the call: any word of a-z, 0-9, `-` and `_`.
            avatar: whose face the others see.
            key: of that avatar, where it has one.
            who: the person's name; a number is added when somebody has it.
            draws: whether the others are to be sent as pictures.

        Raises:
            ValueError: the name is no such word.
            KeyError: there is no such avatar.
            NotYoursError: the key is not the avatar's.
            RoomFullError: no place, in the call or on the machine.
        """
        card = self._card(name, avatar, key)
        async with self._opening:
            call = self._running.setdefault(name, Call(name, self._host))

            async def leave(line: CallLine) -> None:
                self._ended.add(caller.stats())
                await call.remove(caller, line)
                await self._end_if_empty(call)

            caller = _caller(call, card, who, CallVoice())
            limits = self._config.video_bitrate
            line = CallLine(caller, draws=draws, limits=limits, on_leave=leave)
            try:
                await call.add(caller, line)
            except BaseException:
                await self._end_if_empty(call)
                raise
        return line

    @asynccontextmanager
    async def bridged(self, name: str, avatar: str, who: str) -> AsyncIterator[Caller]:
        """Let somebody in whose voice and motion come another way, on one clock; they leave at the end.

        The caller's key is not asked for: whoever opens a bridge answers for who comes over it. Raises as
        `join`.
        """
        card = self._card(name, avatar, None)
        async with self._opening:
            call = self._running.setdefault(name, Call(name, self._host))
            caller = _caller(call, card, who, CallVoice(is_tied=True), is_bridged=True)
            try:
                await call.add(caller, None)
            except BaseException:
                await self._end_if_empty(call)
                raise
        try:
            yield caller
        finally:
            await call.remove(caller, None)
            await self._end_if_empty(call)

    async def aclose(self) -> None:
        """End every call."""
        for call in list(self._running.values()):
            self._running.pop(call.name, None)
            await call.aclose()

    def _card(self, name: str, avatar: str, key: str | None) -> AvatarCard:
        if not NAME.fullmatch(name):
            raise ValueError(f"a call's name has letters a-z, digits, - and _, not {name!r}")
        card = next((card for card in self._host.avatars() if card.name == avatar), None)
        if card is None:
            raise KeyError(avatar)
        if key is not None and not self._host.may_drive(avatar, key):
            raise NotYoursError(
                f"{card.title} has a key, and only who has it may lend this face their movement; "
                "this is not it."
            )
        return card

    async def _end_if_empty(self, call: Call) -> None:
        if not call.people and self._running.get(call.name) is call:
            del self._running[call.name]
            await call.aclose()


def _caller(call: Call, card: AvatarCard, who: str, voice: CallVoice, *, is_bridged: bool = False) -> Caller:
    person = Person(call.name_for(who), card.name, card.title, card.made_by)
    return Caller(person, card, voice, is_bridged=is_bridged)
