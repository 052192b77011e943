"""`/v1/realtime?show=stage`: the WebSocket of a realtime conversation.

A connection drives one show and takes part in it, so the show begins and ends with it unless others watch.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.realtime.conversation import Mindset, RealtimeConversation
from agent.realtime.events import EventError, parse_event
from agent.realtime.items import new_id
from streaming.contract import RoomFullError
from streaming.show import ShowBusyError
from streaming.shows import Part, Shows

_log = logging.getLogger(__name__)

OUTBOX_MAX: Final = 2000
"""Events that may wait for a client; more wait only for one that has stopped reading."""
TOO_SLOW: Final = 1008
SHOW_ENDED: Final = 1001


class RealtimeRoute:
    """Accepts realtime clients.

    Args:
        shows: what can be driven.
        mindset_of: gives each conversation what it hears, thinks and speaks with, by avatar.
    """

    def __init__(self, shows: Shows, mindset_of: Callable[[str], Mindset]) -> None:
        self._shows = shows
        self._mindset_of = mindset_of

    def routes(self) -> list[WebSocketRoute]:
        """Return the route."""
        return [WebSocketRoute("/v1/realtime", self.accept)]

    async def accept(self, socket: WebSocket) -> None:
        """Serve one client from its request to its end."""
        query = socket.query_params
        try:
            part = await self._shows.join(query.get("show", "stage"), query.get("avatar"))
        except (ValueError, KeyError) as error:
            await _deny(socket, 404, f"There is no such show or avatar: {error}.")
            return
        except RoomFullError as error:
            await _deny(socket, 503, str(error))
            return
        try:
            give_back = part.show.take_floor("a realtime client")
        except ShowBusyError as error:
            await _deny(socket, 409, f"This does not go now: {error}.")
            await part.leave()
            return
        try:
            await self._serve(socket, part)
        finally:
            give_back()
            await part.leave()

    async def _serve(self, socket: WebSocket, part: Part) -> None:
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(subprotocol="realtime" if "realtime" in offered else None)
        outbox = _Outbox(socket)
        model = socket.query_params.get("model", "visavis")
        mindset = self._mindset_of(part.show.avatar)
        conversation = RealtimeConversation(part.show.session, mindset, model, outbox.tell)
        stop_watching = part.show.watch(lambda packet: conversation.played(packet.pcm))
        work = {
            asyncio.create_task(outbox.send(), name="realtime sender"),
            asyncio.create_task(_read(socket, conversation, outbox.tell), name="realtime reader"),
            asyncio.create_task(_until(part.show.ended, socket), name="realtime show"),
        }
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop_watching()
            await conversation.aclose()
            for task in work:
                task.cancel()
            for result in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                    _log.error("a realtime connection failed", exc_info=result)


class _Outbox:
    """Events on their way to the client, in order."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: asyncio.Queue[str] = asyncio.Queue(OUTBOX_MAX)
        self._overflown = asyncio.Event()

    def tell(self, kind: str, **fields: Any) -> None:
        """Queue an event; a client that stopped reading loses the connection."""
        try:
            self._waiting.put_nowait(json.dumps({"event_id": new_id("event"), "type": kind, **fields}))
        except asyncio.QueueFull:
            self._overflown.set()

    async def send(self) -> None:
        """Send until the client is gone, or too slow."""
        while not self._overflown.is_set():
            await self._socket.send_text(await self._waiting.get())
        _log.warning("a realtime client did not read its events")
        await self._socket.close(TOO_SLOW)


async def _read(socket: WebSocket, conversation: RealtimeConversation, tell: Callable[..., None]) -> None:
    """Obey the client's events until it leaves; what cannot be obeyed is answered with an error."""
    while True:
        raw = await socket.receive_text()
        event_id: str | None = None
        try:
            event = parse_event(raw)
            event_id = event.event_id
            await conversation.obey(event)
        except EventError as error:
            problem = {"type": "invalid_request_error", "code": error.code, "message": str(error)}
            tell("error", error=problem | {"event_id": event_id})


async def _until(ended: asyncio.Event, socket: WebSocket) -> None:
    await ended.wait()
    await socket.close(SHOW_ENDED)


async def _deny(socket: WebSocket, status: int, message: str) -> None:
    """Refuse before the handshake, so that the client sees an HTTP status."""
    await socket.send_denial_response(JSONResponse({"message": message}, status))
