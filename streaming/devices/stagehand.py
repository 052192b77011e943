"""`Stagehand`: carries commands out on a room's shows, and tells how they are."""

import asyncio
from contextlib import suppress
from typing import Any

from engine.session import SessionClosedError
from streaming.contract import RoomFullError, VoiceFailedError
from streaming.devices.commands import CommandError, Say, Start, Stop
from streaming.show import ShowBusyError
from streaming.shows import Part, Shows


class Stagehand:
    """Holds the shows that devices started."""

    def __init__(self, shows: Shows) -> None:
        self._shows = shows
        self._parts: dict[str, Part] = {}

    async def obey(self, command: Start | Say | Stop) -> dict[str, Any]:
        """Do it, and return what came of it. Raises `CommandError`."""
        try:
            match command:
                case Start():
                    return await self._start(command)
                case Say():
                    return await self._say(command)
                case Stop():
                    return await self._stop(command)
        except KeyError as error:
            raise CommandError(f"there is no avatar {error.args[0]!r}") from error
        except SessionClosedError as error:
            raise CommandError(f"the show {command.show} is over") from error
        except (ValueError, RoomFullError, ShowBusyError, VoiceFailedError) as error:
            raise CommandError(str(error)) from error

    def state(self) -> dict[str, Any]:
        """Return what runs, as devices are told it."""
        return {
            "shows": [
                {"show": show.name, "avatar": show.avatar, "watchers": show.watchers, "waiting": show.waiting}
                for show in self._shows.all()
            ]
        }

    async def aclose(self) -> None:
        """Let every show go that devices started."""
        for part in self._parts.values():
            await part.leave()
        self._parts.clear()

    async def _start(self, command: Start) -> dict[str, Any]:
        part = self._parts.get(command.show)
        if part is None or part.show.ended.is_set():
            part = self._parts[command.show] = await self._shows.join(command.show, command.avatar)
        return {"avatar": part.show.avatar}

    async def _say(self, command: Say) -> dict[str, Any]:
        part = await self._shows.join(command.show)
        try:
            finished = await part.show.speak(part.show.voice(command.text), interrupt=command.interrupt)
        finally:
            await part.leave()
        if finished is None:
            return {"played_s": 0.0, "interrupted": True}
        return {"played_s": round(finished.played_s, 3), "interrupted": finished.interrupted}

    async def _stop(self, command: Stop) -> dict[str, Any]:
        show = self._shows.get(command.show)
        if show is None:
            raise CommandError(f"no show {command.show!r} runs")
        with suppress(SessionClosedError):
            show.hush()
        if command.end and (part := self._parts.pop(command.show, None)) is not None:
            await part.leave()
        await asyncio.sleep(0)
        return {}
