"""visavis by itself in a LiveKit room: there all the time, with a partner whenever somebody else is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

from livekit import api, rtc

from streaming.contract import Partner, RoomFullError
from streaming.livekit.config import LiveKitConfig
from streaming.livekit.ears import is_person
from streaming.livekit.guest import Guest
from streaming.livekit.worker import media_options

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""Seconds until the next try to connect, or to be given a place."""

Welcome = Callable[[], Awaitable[Partner]]
"""Opens a visit. Raises `RoomFullError`."""


def token_of(config: LiveKitConfig) -> str:
    """Return a token for the configured room, as an agent."""
    token = api.AccessToken(config.api_key, config.api_secret.get_secret_value())
    grants = api.VideoGrants(room_join=True, room=config.room, can_update_own_metadata=True)
    named = token.with_identity(config.identity).with_name(config.identity)
    return named.with_kind("agent").with_grants(grants).to_jwt()


async def keep_visiting(config: LiveKitConfig, welcome: Welcome, text_max_chars: int) -> None:
    """Be in the configured room until cancelled; come back when the connection is lost."""
    while True:
        room = rtc.Room()
        try:
            await room.connect(config.url, token_of(config), rtc.RoomOptions(auto_subscribe=True))
            logger.info("in the LiveKit room %s", config.room)
            await Lobby(room, welcome, config, text_max_chars).run()
        except rtc.ConnectError as error:
            logger.warning("no LiveKit at %s: %s", config.url, error)
        finally:
            await room.disconnect()
        await asyncio.sleep(RETRY_S)


class Lobby:
    """Holds a partner in a room while a person is there; machines of the room do not count.

    Args:
        room: connected.
        welcome: opens a visit; where there is no place, it is asked again.
        config: how to publish.
        text_max_chars: longest text that is read.
    """

    def __init__(self, room: rtc.Room, welcome: Welcome, config: LiveKitConfig, text_max_chars: int) -> None:
        self._room, self._welcome = room, welcome
        self._options, self._text_max_chars = media_options(config.video), text_max_chars
        self._changed = asyncio.Event()
        self._over = False
        self._visit: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Return when the connection is over."""
        self._room.on("participant_connected", self._on_change)
        self._room.on("participant_disconnected", self._on_change)
        self._room.on("disconnected", self._on_over)
        try:
            while not self._over:
                self._changed.clear()
                await self._see_who_is_there()
                await self._changed.wait()
        finally:
            self._room.off("participant_connected", self._on_change)
            self._room.off("participant_disconnected", self._on_change)
            self._room.off("disconnected", self._on_over)
            await self._end_visit()

    async def _see_who_is_there(self) -> None:
        people = any(map(is_person, self._room.remote_participants.values()))
        if not people:
            await self._end_visit()
        elif self._visit is None or self._visit.done():
            self._visit = asyncio.create_task(self._hold_visit(), name="guest")
            self._visit.add_done_callback(self._on_change)

    async def _hold_visit(self) -> None:
        try:
            partner = await self._welcome()
        except RoomFullError as error:
            logger.warning("no place for the LiveKit room: %s", error)
            await asyncio.sleep(RETRY_S)
            return
        async with aclosing(partner):
            try:
                await Guest(self._room, partner, self._options, self._text_max_chars).run()
            except Exception:
                logger.exception("a visit to the LiveKit room failed")
                await asyncio.sleep(RETRY_S)

    async def _end_visit(self) -> None:
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.cancel()
            await asyncio.wait([visit])

    def _on_change(self, *_: object) -> None:
        self._changed.set()

    def _on_over(self, *_: object) -> None:
        self._over = True
        self._changed.set()
