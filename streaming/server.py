"""The room server: one page, a small API, WebRTC visits."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from models.assets import asset_path
from models.web_tracker import COMMAND, FILES, installed_tracker
from streaming.config import RoomConfig
from streaming.contract import Host
from streaming.guard import Guard
from streaming.room import Room
from streaming.shows import Shows

logger = logging.getLogger(__name__)

PAGE: Final = Path(__file__).parent / "page"
MODEL: Final = "face_landmarker.task"
_TYPES: Final = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}


Extend = Callable[[Shows], Sequence[BaseRoute]]
"""Gives further routes, which may take part in the room's shows."""


def build_app(
    host: Host, config: RoomConfig, extend: Extend = lambda shows: (), room: Room | None = None
) -> Starlette:
    """Return the room as an ASGI application. It ends its visits at shutdown; the host stays its owner's."""
    room = room or Room(host, config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with room.opened():
            yield

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
            Route("/tracker/{path:path}", _tracker),
            *room.routes(),
            *extend(room.shows),
        ],
        middleware=middleware,
        exception_handlers={HTTPException: _explain, 500: _apologise},
        lifespan=lifespan,
    )


def room_server(
    host: Host, config: RoomConfig, extend: Extend = lambda shows: (), room: Room | None = None
) -> uvicorn.Server:
    """Return a server that is ready to `await server.serve()`; of `room`, or of one of its own.

    Leaving is quick: open requests get two seconds. Access logs stay off, since visit keys are secrets.
    WebSockets are not compressed: what travels there is, or is not worth its time.
    """
    return uvicorn.Server(
        uvicorn.Config(
            build_app(host, config, extend, room),
            host=config.host,
            port=config.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=2,
        )
    )


def served_port(server: uvicorn.Server) -> int:
    """Return the TCP port a started server listens on, also when it was asked for port 0."""
    return int(server.servers[0].sockets[0].getsockname()[1])


async def _page(_: Request) -> Response:
    return FileResponse(PAGE / "index.html")


def _tracker(request: Request) -> Response:
    """Send a file of the face tracker, where it is installed; the model is the one avatars are made with."""
    path, folder = request.path_params["path"], installed_tracker()
    if folder is None:
        raise HTTPException(404, f"This room has no face tracker; its owner gets it with: {COMMAND}")
    if path == MODEL:
        return FileResponse(asset_path("face_landmarker"), media_type="application/octet-stream")
    if path not in FILES:
        raise HTTPException(404, f"The face tracker has no file {path!r}.")
    return FileResponse(folder / path, media_type=_TYPES[Path(path).suffix])


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"message": error.detail}, error.status_code, headers=error.headers)


async def _apologise(_: Request, __: Exception) -> Response:
    return JSONResponse({"message": "Something broke in the room; its log has details."}, 500)
