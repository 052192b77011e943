"""`POST /v1/speak`: text, or a sound file, is said in a show.

    {"show": "stage", "text": "Good morning.", "until": "done", "interrupt": false}

as JSON; or the bytes of a sound file under its own type, with the other fields in the query. The show must be
running: somebody plays, publishes or records it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.packets import SegmentFinished
from streaming.config import RoomConfig
from streaming.contract import SpeechPiece, VoiceFailedError
from streaming.problems import first_problem
from streaming.show import Show, ShowBusyError
from streaming.shows import Shows
from streaming.sound_file import SoundFileError, read_sound
from streaming.upload import body_within

logger = logging.getLogger(__name__)

TEXT_OVERHEAD_BYTES: Final = 1000
"""Room for the JSON around a text."""
RETRY: Final = {"Retry-After": "1"}
LONGEST_S: Final = 110.0
"""Longest sound taken at once: below `SessionConfig.input_limit_s`, which is memory."""


class Wish(BaseModel):
    """What is asked besides the sound."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    show: str = Field(min_length=1)
    until: Literal["queued", "done"] = "queued"
    """Answer when the speech has its place in the queue, or when its last sound was handed out."""
    interrupt: bool = False
    """Fall silent first, and give up what waits."""


class SpokenText(Wish):
    """Body of a request with text."""

    text: str = Field(min_length=1)


class SpeakApi:
    """Answers `POST /v1/speak`; owns the tasks that speak on after the answer."""

    def __init__(self, shows: Shows, config: RoomConfig) -> None:
        self._shows = shows
        self._config = config
        self._tasks: set[asyncio.Task[SegmentFinished | None]] = set()

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/speak", self.speak, methods=["POST"])]

    async def speak(self, request: Request) -> Response:
        """Say it, and answer 202 when it is queued or 200 when it is done."""
        if request.headers.get("content-type", "").startswith(("audio/", "video/", "application/ogg")):
            wish, pieces = await self._sound(request)
        else:
            wish, pieces = await self._text(request)
        show = self._show(wish.show)
        try:
            task = self._begin(show.speak(pieces, interrupt=wish.interrupt))
            if wish.until == "done":
                return JSONResponse(_outcome(show, await asyncio.shield(task)))
            # One turn of the loop: a show that is busy refuses at once.
            await asyncio.wait([task], timeout=0)
            if task.done():
                return JSONResponse(_outcome(show, task.result()))
            return JSONResponse({"show": show.name, "state": "queued", "waiting": show.waiting}, 202)
        except ShowBusyError as error:
            raise HTTPException(
                409, f"This does not go now: {error}.", headers={"Retry-After": "1"}
            ) from error
        except VoiceFailedError as error:
            raise HTTPException(422, f"This cannot be spoken: {error}.") from error

    async def aclose(self) -> None:
        """Give up what is not said yet."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _text(self, request: Request) -> tuple[Wish, AsyncGenerator[SpeechPiece, None]]:
        limit = 4 * self._config.text_max_chars + TEXT_OVERHEAD_BYTES
        try:
            wish = SpokenText.model_validate_json(await body_within(request, limit))
        except ValidationError as error:
            raise HTTPException(400, f"Not a speech: {first_problem(error)}") from error
        if len(wish.text) > self._config.text_max_chars:
            raise HTTPException(413, f"At most {self._config.text_max_chars} characters are spoken at once.")
        return wish, self._show(wish.show).voice(wish.text)

    async def _sound(self, request: Request) -> tuple[Wish, AsyncGenerator[SpeechPiece, None]]:
        try:
            wish = Wish.model_validate_strings(dict(request.query_params))
        except ValidationError as error:
            raise HTTPException(400, f"Not a speech: {first_problem(error)}") from error
        data = await body_within(request, int(1e6 * self._config.upload_max_mb))
        try:
            return wish, _one(await asyncio.to_thread(read_sound, data, LONGEST_S))
        except SoundFileError as error:
            raise HTTPException(422, f"This cannot be spoken: {error}.") from error

    def _show(self, name: str) -> Show:
        show = self._shows.get(name)
        if show is None:
            known = ", ".join(show.name for show in self._shows.all()) or "none"
            raise HTTPException(404, f"No show {name!r} is running; running are: {known}.")
        return show

    def _begin(self, work: Any) -> "asyncio.Task[SegmentFinished | None]":
        task: asyncio.Task[SegmentFinished | None] = asyncio.create_task(work, name="speech")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[SegmentFinished | None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("a speech failed: %s", error)


async def _one(piece: SpeechPiece) -> AsyncGenerator[SpeechPiece, None]:
    yield piece


def _outcome(show: Show, ended: SegmentFinished | None) -> dict[str, Any]:
    """Describe a speech that is over; one that was given up before it began was not played."""
    played_s = round(ended.played_s, 3) if ended else 0.0
    return {
        "show": show.name,
        "state": "done",
        "played_s": played_s,
        "interrupted": ended is None or ended.interrupted,
    }
