"""A show: one avatar that many watch. What drives its voice comes over WHIP, by request, or from a program.

A show has one session and any number of watchers; each packet is handed to all of them. It lasts while
anybody takes part: a publisher, a player, a recording, a program that speaks.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Final

from engine.packets import AVPacket, SegmentFinished
from engine.session import Session, SessionClosedError
from streaming.contract import BusyError, Performer, Script, SpeechPiece
from streaming.delivery import deliver

logger = logging.getLogger(__name__)

SPEECHES_WAITING: Final = 16
"""Utterances that may wait for their turn. More is not a queue but a backlog nobody will listen to."""

Watcher = Callable[[AVPacket], None]


class ShowBusyError(BusyError):
    """Somebody else drives the voice, or too many utterances wait; the message says which."""


class Show:
    """Hands packets to watchers, and utterances to the session, one after another.

    Call `run` once, in a task; it returns when the session ends or `aclose` is called.
    """

    def __init__(self, name: str, avatar: str, performer: Performer) -> None:
        self.name = name
        self.avatar = avatar
        self._performer = performer
        self._watchers: list[Watcher] = []
        self._floor = asyncio.Lock()
        self._driver = ""
        self._hushes = 0
        self.ended = asyncio.Event()
        """Set when no more packets will come."""
        self.waiting = 0
        """Utterances that wait for their turn, the one that is said included."""

    @property
    def session(self) -> Session:
        """The avatar's session. Whoever pushes into it must hold the floor; see `take_floor`."""
        return self._performer.session

    def voice(self, text: str) -> AsyncGenerator[SpeechPiece, None]:
        """Yield `text` as speech; see `Performer`."""
        return self._performer.voice(text)

    async def run(self) -> None:
        """Hand every packet to every watcher. A watcher that fails is told off, and misses what follows."""
        try:
            async for packet in self.session:
                self._hand_out(packet)
        finally:
            self.ended.set()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Hand each packet to `watcher`, which must not block. Returns how to stop that."""
        self._watchers.append(watcher)

        def leave() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return leave

    @property
    def watchers(self) -> int:
        """How many take the packets."""
        return len(self._watchers)

    def take_floor(self, driver: str) -> Callable[[], None]:
        """Let `driver` alone push into the session.

        Returns how to give the floor back, which silences the avatar and is safe to call twice.

        Raises:
            ShowBusyError: when somebody else has the floor.
        """
        if self._driver or self.waiting:
            raise ShowBusyError(f"{self._driver or 'a request'} speaks in {self.name!r} now")
        self._driver = driver
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if not given_back:
                given_back, self._driver = True, ""
                with suppress(SessionClosedError):
                    self.session.clear()

        return give_back

    async def recite(self, script: Script, *, interrupt: bool = False) -> SegmentFinished | None:
        """Say a script; see `speak`. Raises `ShowBusyError`, `VoiceFailedError`."""
        pieces = self.voice(script) if isinstance(script, str) else _one(script)
        return await self.speak(pieces, interrupt=interrupt)

    async def speak(
        self, pieces: AsyncGenerator[SpeechPiece, None], *, interrupt: bool = False
    ) -> SegmentFinished | None:
        """Say something after everything that waits; returns how it ended, None when nothing was heard.

        Args:
            pieces: the speech; closed in any case.
            interrupt: first fall silent, and give up what waits.

        Raises:
            ShowBusyError: when the show is driven otherwise, or too much waits.
        """
        if self._driver:
            raise ShowBusyError(f"{self._driver} speaks in {self.name!r} now")
        if interrupt:
            self.hush()
        elif self.waiting >= SPEECHES_WAITING:
            raise ShowBusyError(f"{self.waiting} utterances wait in {self.name!r} already")
        hushes = self._hushes
        self.waiting += 1
        try:
            async with self._floor:
                return await deliver(self.session, pieces) if hushes == self._hushes else None
        finally:
            self.waiting -= 1
            await pieces.aclose()

    def hush(self) -> None:
        """Fall silent now, and give up every utterance that waits."""
        self._hushes += 1
        self.session.clear()

    def stats(self) -> dict[str, float]:
        """Return the session's figures, and how many watch and wait."""
        return {
            **self.session.stats(),
            "watchers": float(self.watchers),
            "speeches_waiting": float(self.waiting),
        }

    async def aclose(self) -> None:
        """End the session; `run` returns. Safe to call twice."""
        await self._performer.aclose()

    def _hand_out(self, packet: AVPacket) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(packet)
            except Exception:
                logger.exception("a watcher of %s failed", self.name)
                self._watchers.remove(watcher)


async def _one(piece: SpeechPiece) -> AsyncGenerator[SpeechPiece, None]:
    yield piece
