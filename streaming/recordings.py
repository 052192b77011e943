"""Shows on tape: started and ended over the API, or from the first frame to the last of every show.

POST   /api/shows/SHOW/recording   → 201, {"file"}
DELETE /api/shows/SHOW/recording   → 200, {"file", "length_s", "frames", "filled_frames"}
GET    /api/recordings/FILE        → the mp4 file
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from engine.compute import ThreadCompute
from engine.recording import Recorded, Recording
from streaming.contract import RoomFullError
from streaming.show import Show
from streaming.shows import Part, Shows

logger = logging.getLogger(__name__)

FILE: Final = re.compile(r"[a-z0-9_-]+\.mp4")


@dataclass(slots=True, eq=False)
class _Tape:
    """One recording that goes on."""

    show: Show
    recording: Recording
    unwatch: Callable[[], None]
    part: Part | None
    """Keeps the show running; None where the recording ends with it."""
    with_show: "asyncio.Task[None] | None" = None


class Recordings:
    """Owns the recordings of a room and the thread that encodes them.

    Args:
        folder: where the files go; made when it is needed.
        shows: what can be recorded.
    """

    def __init__(self, folder: Path, shows: Shows) -> None:
        self._folder = folder
        self._shows = shows
        self._compute = ThreadCompute(workers=1)
        self._tapes: list[_Tape] = []
        self._taken: set[Path] = set()

    def routes(self) -> list[Route]:
        """Return the routes of this module."""
        return [
            Route("/api/shows/{show}/recording", self.start, methods=["POST"]),
            Route("/api/shows/{show}/recording", self.stop, methods=["DELETE"]),
            Route("/api/recordings/{file}", self.download, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Begin to record a show; it begins itself when it does not run."""
        name = request.path_params["show"]
        try:
            part = await self._shows.join(name, request.query_params.get("avatar"))
        except (ValueError, KeyError) as error:
            raise HTTPException(404, f"There is no such show or avatar: {error}.") from error
        except RoomFullError as error:
            raise HTTPException(503, str(error), headers={"Retry-After": "10"}) from error
        if self._of(name) is not None:
            await part.leave()
            raise HTTPException(409, f"{name} is being recorded already.")
        path = self.record(part.show, part)
        return JSONResponse({"file": path.name}, 201, headers={"Location": f"/api/recordings/{path.name}"})

    async def stop(self, request: Request) -> Response:
        """End a recording; answers when the file is whole."""
        name = request.path_params["show"]
        tape = self._of(name)
        if tape is None:
            raise HTTPException(404, f"{name} is not being recorded.")
        self._tapes.remove(tape)
        try:
            recorded = await self._end(tape)
        except Exception as error:
            raise HTTPException(
                500, "The recording could not be written; the room's log says why."
            ) from error
        return JSONResponse(_described(tape.recording.path, recorded))

    async def download(self, request: Request) -> Response:
        """Send a finished recording."""
        path = self._folder / request.path_params["file"]
        if not FILE.fullmatch(path.name) or not path.is_file():
            raise HTTPException(404, "There is no such recording, or it is not finished.")
        return FileResponse(path, media_type="video/mp4")

    def record(self, show: Show, part: Part | None = None) -> Path:
        """Record `show` from now on; without a `part`, until it ends. Returns the file that will be."""
        path = self._free_path(show.name)
        recording = Recording(path, self._compute)
        recording.start()
        tape = _Tape(show, recording, show.watch(recording.take), part)
        self._tapes.append(tape)
        tape.with_show = asyncio.create_task(self._end_with(tape), name="recording's end")
        return path

    def stats(self) -> dict[str, float]:
        """Return how many recordings go on, what waits for the encoder and what found no place."""
        tapes = [tape.recording for tape in self._tapes]
        return {
            "recordings": float(len(tapes)),
            "recording_depth": float(sum(recording.depth for recording in tapes)),
            "recording_dropped": float(sum(recording.dropped for recording in tapes)),
        }

    async def aclose(self) -> None:
        """Finish every recording."""
        while self._tapes:
            await _logged(self._end(self._tapes.pop()))
        await self._compute.aclose()

    def _of(self, name: str) -> _Tape | None:
        """Return the recording of the show that runs under a name."""
        show = self._shows.get(name)
        return next((tape for tape in self._tapes if tape.show is show), None)

    async def _end_with(self, tape: _Tape) -> None:
        await tape.show.ended.wait()
        if tape in self._tapes:
            self._tapes.remove(tape)
            tape.with_show = None
            await _logged(self._end(tape))

    async def _end(self, tape: _Tape) -> Recorded | None:
        tape.unwatch()
        if tape.with_show is not None:
            tape.with_show.cancel()
        try:
            return await tape.recording.finish()
        finally:
            self._taken.discard(tape.recording.path)
            if tape.part is not None:
                await tape.part.leave()

    def _free_path(self, name: str) -> Path:
        """Return the first of NAME-1.mp4, NAME-2.mp4, … that nobody has."""
        number = 1
        while (path := self._folder / f"{name}-{number}.mp4").exists() or path in self._taken:
            number += 1
        self._taken.add(path)
        return path


def _described(path: Path, recorded: Recorded | None) -> dict[str, Any]:
    if recorded is None:
        return {"file": None, "length_s": 0.0, "frames": 0, "filled_frames": 0}
    return {
        "file": path.name,
        "length_s": recorded.length_s,
        "frames": recorded.frames,
        "filled_frames": recorded.filled_frames,
    }


async def _logged(end: Awaitable[Recorded | None]) -> None:
    try:
        recorded = await end
    except Exception:
        logger.exception("a recording could not be written")
        return
    if recorded is not None:
        logger.info("recorded %.1f s in %s", recorded.length_s, recorded.path)
