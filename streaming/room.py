"""Everything a room consists of: visits, shows and who takes part in them, recordings, requests, figures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from starlette.routing import BaseRoute

from models.home import home
from streaming.api import RoomApi
from streaming.avatar.socket import AvatarSocket
from streaming.calls.calls import Calls
from streaming.config import RoomConfig
from streaming.contract import Host
from streaming.gathering import Gatherings
from streaming.metrics import EndedCounts, Figures, MetricsApi
from streaming.participants import Participants
from streaming.publisher import Publisher
from streaming.push import Push
from streaming.recordings import Recordings
from streaming.shows import Shows
from streaming.speak import SpeakApi
from streaming.turn_times import TurnTimes
from streaming.viewer import Viewer
from streaming.visits import Visits
from streaming.whip import SignallingApi


class Room:
    """Owns the parts, their routes and their end; the host stays its owner's."""

    def __init__(self, host: Host, config: RoomConfig) -> None:
        self._host = host
        self._config = config
        self._ended = EndedCounts()
        self._times = TurnTimes()
        self.shows = Shows(host, self._ended)
        self._gatherings = Gatherings(host, self.shows, config, self._ended)
        self.calls = Calls(host, config, self._ended)
        self._visits = Visits(host, self._gatherings, self.calls, config, self._times, self._ended)
        self._viewers = Participants(Viewer, self.shows, config, self._ended)
        self._publishers = Participants(Publisher, self.shows, config, self._ended)
        self._speak = SpeakApi(self.shows, self._visits, config)
        self._avatars = AvatarSocket(host, self._ended)
        self._recordings = Recordings(Path(config.recordings or home() / "recordings"), self.shows)
        self._push = Push(config.push, self.shows, config)
        if config.record:
            self.shows.on_begin = self._recordings.record

    def routes(self) -> list[BaseRoute]:
        """Return the routes of every part."""
        metrics = MetricsApi(
            self._host.stats, self._room_figures, self._session_figures, self._ended, self._times
        )
        return [
            *RoomApi(self._host, self._config, self._visits, self._gatherings, self.calls).routes(),
            *SignallingApi("/whip", self._publishers, self._config).routes(),
            *SignallingApi("/whep", self._viewers, self._config).routes(),
            *self._speak.routes(),
            *self._avatars.routes(),
            *self._recordings.routes(),
            *metrics.routes(),
        ]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Push what is to be pushed; at the end, end everything."""
        wanted = bool(self._config.push.url)
        pushing = [asyncio.create_task(self._push.run(), name="push")] if wanted else []
        try:
            yield
        finally:
            for task in pushing:
                task.cancel()
                await asyncio.wait([task])
            for part in (
                self._visits, self._gatherings, self.calls, self._speak, self._viewers, self._publishers,
                self._recordings, self.shows,
            ):  # fmt: skip
                await part.aclose()

    def _room_figures(self) -> Figures:
        return {
            "visits": len(self._visits),
            "visits_opened": self._visits.opened,
            "gatherings": len(self._gatherings),
            "calls": len(self.calls),
            "shows": len(self.shows),
            "shows_opened": self.shows.opened,
            "viewers": len(self._viewers),
            "publishers": len(self._publishers),
            "avatars": len(self._avatars),
            "avatars_opened": self._avatars.opened,
            "push_live": self._push.live,
            "push_attempts": self._push.attempts,
            **self._recordings.stats(),
        }

    def _session_figures(self) -> Iterable[Figures]:
        participants = [*self._viewers.all(), *self._publishers.all()]
        shows = [show.stats() for show in self.shows.all()]
        return [
            *self._visits.stats(),
            *self._gatherings.stats(),
            *self.calls.stats(),
            *shows,
            *self._avatars.stats(),
            *(one.stats() for one in participants),
        ]
