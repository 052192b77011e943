"""The room server: one page, a small API, WebRTC visits."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.home import home
from streaming.api import RoomApi
from streaming.config import RoomConfig
from streaming.contract import Host
from streaming.guard import Guard
from streaming.participants import Participants
from streaming.publisher import Publisher
from streaming.push import Push
from streaming.recordings import Recordings
from streaming.shows import Shows
from streaming.speak import SpeakApi
from streaming.viewer import Viewer
from streaming.visits import Visits
from streaming.whip import SignallingApi

logger = logging.getLogger(__name__)

PAGE: Final = Path(__file__).parent / "page"


def build_app(host: Host, config: RoomConfig) -> Starlette:
    """Return the room as an ASGI application. It ends its visits at shutdown; the host stays its owner's."""
    visits = Visits(host, config)
    shows = Shows(host)
    viewers = Participants(Viewer, shows, config)
    publishers = Participants(Publisher, shows, config)
    speak = SpeakApi(shows, config)
    recordings = Recordings(Path(config.recordings or home() / "recordings"), shows)
    if config.record:
        shows.on_begin = recordings.record

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        push = Push(config.push, shows, config) if config.push.url else None
        pushing = [asyncio.create_task(push.run(), name="push")] if push else []
        try:
            yield
        finally:
            for task in pushing:
                task.cancel()
                await asyncio.wait([task])
            for owner in (visits, speak, viewers, publishers, recordings, shows):
                await owner.aclose()

    middleware = [Middleware(Guard, config=config)]
    if config.allowed_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(config.allowed_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "if-match"],
            expose_headers=["location", "etag", "link"],
        )
        middleware.insert(0, cors)
    return Starlette(
        routes=[
            Route("/", _page),
            Mount("/page", StaticFiles(directory=PAGE), name="page"),
            *RoomApi(host, config, visits).routes(),
            *SignallingApi("/whip", publishers, config).routes(),
            *SignallingApi("/whep", viewers, config).routes(),
            *speak.routes(),
            *recordings.routes(),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: _explain, 500: _apologise},
        lifespan=lifespan,
    )


def room_server(host: Host, config: RoomConfig) -> uvicorn.Server:
    """Return a server that is ready to `await server.serve()`.

    Leaving is quick: open requests get two seconds. Access logs stay off, since visit keys are secrets.
    """
    return uvicorn.Server(
        uvicorn.Config(
            build_app(host, config),
            host=config.host,
            port=config.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )


def served_port(server: uvicorn.Server) -> int:
    """Return the TCP port a started server listens on, also when it was asked for port 0."""
    return int(server.servers[0].sockets[0].getsockname()[1])


async def _page(_: Request) -> Response:
    return FileResponse(PAGE / "index.html")


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"message": error.detail}, error.status_code, headers=error.headers)


async def _apologise(_: Request, __: Exception) -> Response:
    return JSONResponse({"message": "Something broke in the room; its log has details."}, 500)
