"""`serve`: a host and its room server, from the first loaded model to the last closed visit."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

import uvicorn
import uvloop

from agent.avatar_worker import check as check_livekit
from agent.config import Config
from agent.host import ConversationHost, Report
from agent.realtime.route import RealtimeRoute
from streaming.config import RoomConfig
from streaming.contract import Partner
from streaming.room import Room
from streaming.server import room_server, served_port

_log = logging.getLogger(__name__)

_POLL_S: Final = 0.02

Beside = Callable[[Room, ConversationHost], Coroutine[Any, Any, None]]
"""What goes on beside a room, with its parts."""


def serve(
    config: Config,
    ready: Callable[[str], None],
    report: Report = lambda stage, fraction: None,
    beside: Beside | None = None,
) -> None:
    """Open a room and keep it until SIGINT or SIGTERM.

    Args:
        config: all settings.
        ready: called with the page's link once visitors can come.
        report: told what is being done before that, and the fraction done of it.
        beside: goes on beside the room until it closes; when it ends, so does the room.

    Raises:
        ConfigError: a LiveKit room is configured, and not how to get into it.
        MindError: when there is nobody to think.
        OSError: when the address or port cannot be listened on.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signalled(config, ready, report, beside))


async def serve_room(
    config: Config, ready: Callable[[str], None], report: Report, beside: Beside | None = None
) -> None:
    """Open a room and keep it until cancelled; everything is closed then."""
    if config.livekit.room:
        check_livekit(config)
    # The port comes first: that it is taken should be known before models are loaded.
    with _listen(config.room) as listener:
        async with aclosing(await ConversationHost.open(config, report)) as host:
            room = Room(host, config.room)
            routes = RealtimeRoute(room.shows, host.mindset).routes()
            server = room_server(host, config.room, lambda shows: routes, room)
            serving = asyncio.create_task(server.serve([listener]), name="room server")
            try:
                await _started(server, serving)
                ready(link(config.room, served_port(server)))
                async with (
                    _in_livekit(config, host),
                    _with_devices(config, room),
                    _beside(beside, room, host) as others,
                ):
                    await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
                    for task in others:
                        if task.done():
                            task.result()
            finally:
                server.should_exit = True
                await asyncio.wait([serving])


@asynccontextmanager
async def _in_livekit(config: Config, host: ConversationHost) -> AsyncIterator[None]:
    """Be in a LiveKit room too, where one is configured."""
    if not config.livekit.room:
        yield
        return
    from streaming.livekit.lobby import keep_visiting

    async def welcome() -> Partner:
        return await host.welcome(config.avatar)

    visiting = asyncio.create_task(
        keep_visiting(config.livekit, welcome, config.room.text_max_chars), name="LiveKit room"
    )
    try:
        yield
    finally:
        visiting.cancel()
        await asyncio.wait([visiting])


@asynccontextmanager
async def _with_devices(config: Config, room: Room) -> AsyncIterator[None]:
    """Listen to devices, where a broker is configured."""
    if not config.devices.host:
        yield
        return
    from streaming.devices.link import DeviceLink
    from streaming.devices.stagehand import Stagehand

    link = DeviceLink(config.devices, Stagehand(room.shows))
    listening = asyncio.create_task(link.run(), name="devices")
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.wait([listening])


@asynccontextmanager
async def _beside(
    beside: Beside | None, room: Room, host: ConversationHost
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run what goes on beside the room."""
    tasks = [asyncio.create_task(beside(room, host), name="beside the room")] if beside else []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
            await asyncio.wait([task])


def link(room: RoomConfig, port: int) -> str:
    """Return the address of the page, with the token where one is needed."""
    host = "127.0.0.1" if room.host in ("0.0.0.0", "::", "") else room.host
    place = f"[{host}]" if ":" in host else host
    token = room.bearer_token
    return f"http://{place}:{port}/" + (f"#token={token.get_secret_value()}" if token is not None else "")


async def _until_signalled(
    config: Config, ready: Callable[[str], None], report: Report, beside: Beside | None
) -> None:
    room: asyncio.Task[Any]

    def open_for_visitors(address: str) -> None:
        # The server has set handlers of its own when it started; ours close the host too.
        _on_signals(room.cancel)
        ready(address)

    room = asyncio.create_task(serve_room(config, open_for_visitors, report, beside), name="room")
    _on_signals(room.cancel)
    try:
        await room
    except asyncio.CancelledError:
        _log.info("the room is closed")


def _on_signals(stop: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _listen(room: RoomConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in room.host else socket.AF_INET
    try:
        return socket.create_server((room.host, room.port), family=family)
    except OSError as error:
        raise OSError(
            f"cannot listen at {room.host} port {room.port}: {error.strerror}; choose another with --port"
        ) from error


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        await asyncio.wait([serving], timeout=_POLL_S)
        if serving.done():
            raise RuntimeError("the room server ended before it began") from serving.exception()
