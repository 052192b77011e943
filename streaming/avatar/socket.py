"""`/v1/avatar`: one connection, one session. Whoever brings speech gets a face for it.

The client is told of each segment's end exactly once, as `Session` promises, whatever it clears and whenever.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import numpy as np
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.packets import AVPacket
from engine.session import InputFullError, Session
from engine.speech import SegmentEvent
from models.motion.stage import Presence
from models.picture import Picture
from streaming.avatar.pictures import UnfitPictureError, check_encoding, encode_picture
from streaming.avatar.wire import (
    NO_PICTURE,
    Attend,
    Begin,
    Clear,
    ClientMessage,
    End,
    Open,
    WireError,
    error_text,
    frame_bytes,
    opened_text,
    parse,
    parse_open,
    segment_text,
)
from streaming.contract import Host, RoomFullError
from streaming.metrics import EndedCounts

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final = 10.0
FRAMES_WAITING: Final = 3
"""Frames that may wait for the network. Then the session waits, and skips media time as for every late
consumer, so that a slow client sees the present."""
MESSAGES_WAITING: Final = 256
"""Texts that may wait for a client that does not read. Then it is hung up on, so that it costs no memory."""
MEANT_WRONG, TRY_LATER, BROKE = 1008, 1013, 1011
"""Close codes, RFC 6455 section 7.4.1 and the IANA registry."""


class AvatarSocket:
    """Answers connections; the host sends the avatars."""

    def __init__(self, host: Host, ended: EndedCounts) -> None:
        self._host = host
        self._ended = ended
        self._sessions: set[Session] = set()
        self.opened = 0
        """Avatars opened since the room was."""

    def __len__(self) -> int:
        return len(self._sessions)

    def stats(self) -> list[dict[str, float]]:
        """Return the figures of each session that is open."""
        return [session.stats() for session in self._sessions]

    def routes(self) -> list[BaseRoute]:
        """Return the one route."""
        return [WebSocketRoute("/v1/avatar", self.serve)]

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it leaves, and free what it had."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            try:
                wish = parse_open(await asyncio.wait_for(socket.receive_text(), OPEN_TIMEOUT_S))
                await self._serve(socket, wish)
            except (WireError, UnfitPictureError) as error:
                await _refuse(socket, MEANT_WRONG, "bad_message", str(error))
            except (TimeoutError, KeyError):
                await _refuse(socket, MEANT_WRONG, "bad_message", "the first message must be the text `open`")
            except RoomFullError as error:
                await _refuse(socket, TRY_LATER, "full", str(error))
            except WebSocketDisconnect:
                raise
            except Exception:
                logger.exception("an avatar connection failed")
                await _refuse(socket, BROKE, "broken", "Something broke in the room; its log has details.")

    async def _serve(self, socket: WebSocket, wish: Open) -> None:
        known = [card.name for card in self._host.avatars()]
        avatar = wish.avatar if wish.avatar is not None else next(iter(known), "")
        if avatar not in known:
            names = ", ".join(known) or "none yet"
            await _refuse(
                socket, MEANT_WRONG, "no_avatar", f"There is no avatar {avatar!r}; there are: {names}."
            )
            return
        async with contextlib.aclosing(await self._host.perform(avatar)) as performer:
            session = performer.session
            first = await anext(session)
            check_encoding(wish.picture, first.picture)
            await socket.send_text(opened_text(avatar, first, wish.picture, session.room_s()))
            with self._counted(session):
                await _Connection(socket, session, wish).run()

    @contextlib.contextmanager
    def _counted(self, session: Session) -> Iterator[None]:
        self._sessions.add(session)
        self.opened += 1
        try:
            yield
        finally:
            self._sessions.remove(session)
            self._ended.add(session.stats())


class _Connection:
    """What goes on between one client and its session."""

    def __init__(self, socket: WebSocket, session: Session, wish: Open) -> None:
        self._socket, self._session, self._wish = socket, session, wish
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue(MESSAGES_WAITING + FRAMES_WAITING)
        self._places = asyncio.Semaphore(FRAMES_WAITING)
        self._hung_up = asyncio.Event()
        self._rate_hz: int | None = None
        self._clears = 0
        self._shown: Picture | None = None

    async def run(self) -> None:
        """Carry messages both ways until the client leaves."""
        unsubscribe = self._session.subscribe(self._on_segment)
        work: list[Coroutine[Any, Any, object]] = [
            self._pump(), self._send(), self._listen(), self._hung_up.wait(),
        ]  # fmt: skip
        tasks = [asyncio.create_task(coroutine) for coroutine in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            unsubscribe()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _on_segment(self, event: SegmentEvent) -> None:
        try:
            self._outbox.put_nowait(segment_text(event))
        except asyncio.QueueFull:
            self._hung_up.set()

    async def _pump(self) -> None:
        """Encode the session's packets; what a packet's sound starts or ends is told before it."""
        async for packet in self._session:
            clears = self._clears
            await self._places.acquire()
            self._outbox.put_nowait(await self._encode(packet, clears))

    async def _encode(self, packet: AVPacket, clears: int) -> bytes:
        if self._wish.picture == "none" or packet.picture is self._shown:
            return frame_bytes(packet, NO_PICTURE, clears)
        self._shown = packet.picture
        picture = await asyncio.to_thread(
            encode_picture, packet.picture, self._wish.picture, self._wish.quality
        )
        return frame_bytes(packet, picture, clears)

    async def _send(self) -> None:
        while True:
            message = await self._outbox.get()
            if isinstance(message, str):
                await self._socket.send_text(message)
            else:
                await self._socket.send_bytes(message)
                self._places.release()

    async def _listen(self) -> None:
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                if received.get("bytes") is not None:
                    self._hear(received["bytes"])
                else:
                    self._obey(parse(received["text"]))
            except WireError as error:
                self._complain("bad_message", error)
            except InputFullError as error:
                self._complain("input_full", error)

    def _complain(self, code: str, error: Exception) -> None:
        if self._outbox.qsize() < MESSAGES_WAITING:
            self._outbox.put_nowait(error_text(code, str(error)))
        else:
            self._hung_up.set()

    def _hear(self, sound: bytes) -> None:
        if self._rate_hz is None:
            raise WireError("speech without a segment; send `begin` before it, also after `clear`")
        if len(sound) % 2:
            raise WireError(f"speech is 16-bit samples, and {len(sound)} bytes are no whole number of them")
        self._session.push_audio(np.frombuffer(sound, "<i2").astype(np.int16), self._rate_hz)

    def _obey(self, message: ClientMessage) -> None:
        match message:
            case Begin(sample_rate_hz=rate_hz):
                self._session.end_segment()
                self._rate_hz = rate_hz
                # Opens the utterance, so that it is finished even if no sound comes.
                self._session.push_audio(np.zeros(0, np.int16), rate_hz)
            case End():
                self._session.end_segment()
                self._rate_hz = None
            case Clear():
                self._clears += 1
                self._rate_hz = None
                self._session.clear()
            case Attend(presence=presence):
                self._session.attend(Presence(presence))


async def _refuse(socket: WebSocket, close_code: int, code: str, message: str) -> None:
    """Say why, and close."""
    await socket.send_text(error_text(code, message))
    await socket.close(close_code, code)
