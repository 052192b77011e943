"""`POST /v1/speak`: text, or a sound file, is said in a show, or in a visit.

    {"show": "stage", "text": "Good morning.", "until": "done", "interrupt": false}
    {"visit": "KEY", "text": "Your table is ready."}

as JSON; or the bytes of a sound file under its own type, with the other fields in the query. A show must be
running: somebody plays, publishes or records it. A visit's key is in the answer to its offer.
"""

import asyncio
import logging
from typing import Any, Final, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.packets import SegmentFinished
from streaming.config import RoomConfig
from streaming.contract import BusyError, Script, SpeechPiece, VoiceFailedError
from streaming.problems import first_problem
from streaming.shows import Shows
from streaming.sound_file import SoundFileError, read_sound
from streaming.upload import body_within
from streaming.visits import Visits

logger = logging.getLogger(__name__)

TEXT_OVERHEAD_BYTES: Final = 1000
"""Room for the JSON around a text."""
RETRY: Final = {"Retry-After": "1"}
LONGEST_S: Final = 110.0
"""Longest sound taken at once: below `SessionConfig.input_limit_s`, which is memory."""


class Speaker(Protocol):
    """A show, or the partner of a visit."""

    @property
    def waiting(self) -> int:
        """How many scripts are not said to their end."""
        ...

    async def recite(self, script: Script, *, interrupt: bool = False) -> SegmentFinished | None:
        """Say a script; see `Show.recite` and `Partner.recite`."""
        ...


class Wish(BaseModel):
    """What is asked besides the sound."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    show: str | None = Field(default=None, min_length=1)
    visit: str | None = Field(default=None, min_length=1)
    until: Literal["queued", "done"] = "queued"
    """Answer when the speech has its place in the queue, or when its last sound was handed out."""
    interrupt: bool = False
    """Fall silent first, and give up what waits."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if (self.show is None) == (self.visit is None):
            raise ValueError("name either a show or a visit")
        return self

    @property
    def place(self) -> dict[str, str]:
        """Where it is said, as the answer repeats it."""
        return {"show": self.show} if self.show is not None else {"visit": self.visit or ""}


class SpokenText(Wish):
    """Body of a request with text."""

    text: str = Field(min_length=1)


class SpeakApi:
    """Answers `POST /v1/speak`; owns the tasks that speak on after the answer."""

    def __init__(self, shows: Shows, visits: Visits, config: RoomConfig) -> None:
        self._shows = shows
        self._visits = visits
        self._config = config
        self._tasks: set[asyncio.Task[SegmentFinished | None]] = set()

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/speak", self.speak, methods=["POST"])]

    async def speak(self, request: Request) -> Response:
        """Say it, and answer 202 when it is queued or 200 when it is done."""
        script: Script
        if request.headers.get("content-type", "").startswith(("audio/", "video/", "application/ogg")):
            wish, script = await self._sound(request)
        else:
            wish, script = await self._text(request)
        speaker = self._speaker(wish)
        try:
            task = self._begin(speaker.recite(script, interrupt=wish.interrupt))
            if wish.until == "done":
                return JSONResponse(wish.place | _outcome(await asyncio.shield(task)))
            # One turn of the loop: who is busy refuses at once.
            await asyncio.wait([task], timeout=0)
            if task.done():
                return JSONResponse(wish.place | _outcome(task.result()))
            return JSONResponse(wish.place | {"state": "queued", "waiting": speaker.waiting}, 202)
        except BusyError as error:
            raise HTTPException(409, f"This does not go now: {error}.", headers=RETRY) from error
        except VoiceFailedError as error:
            raise HTTPException(422, f"This cannot be spoken: {error}.") from error

    async def aclose(self) -> None:
        """Give up what is not said yet."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _text(self, request: Request) -> tuple[Wish, str]:
        limit = 4 * self._config.text_max_chars + TEXT_OVERHEAD_BYTES
        try:
            wish = SpokenText.model_validate_json(await body_within(request, limit))
        except ValidationError as error:
            raise HTTPException(400, f"Not a speech: {first_problem(error)}") from error
        if len(wish.text) > self._config.text_max_chars:
            raise HTTPException(413, f"At most {self._config.text_max_chars} characters are spoken at once.")
        return wish, wish.text

    async def _sound(self, request: Request) -> tuple[Wish, SpeechPiece]:
        try:
            wish = Wish.model_validate_strings(dict(request.query_params))
        except ValidationError as error:
            raise HTTPException(400, f"Not a speech: {first_problem(error)}") from error
        data = await body_within(request, int(1e6 * self._config.upload_max_mb))
        try:
            return wish, await asyncio.to_thread(read_sound, data, LONGEST_S)
        except SoundFileError as error:
            raise HTTPException(422, f"This cannot be spoken: {error}.") from error

    def _speaker(self, wish: Wish) -> Speaker:
        if wish.visit is not None:
            partner = self._visits.partner(wish.visit)
            if partner is None:
                raise HTTPException(404, "There is no such visit; it may be over, or a gathering's.")
            return partner
        show = self._shows.get(wish.show or "")
        if show is None:
            known = ", ".join(show.name for show in self._shows.all()) or "none"
            raise HTTPException(404, f"No show {wish.show!r} is running; running are: {known}.")
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


def _outcome(ended: SegmentFinished | None) -> dict[str, Any]:
    """Describe a speech that is over; one that was given up before it began was not played."""
    played_s = round(ended.played_s, 3) if ended else 0.0
    return {"state": "done", "played_s": played_s, "interrupted": ended is None or ended.interrupted}
