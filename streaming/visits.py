"""All visits of a room: opened by an offer, ended by either side, none left behind."""

import asyncio
import logging
import secrets

from streaming.calls.calls import Calls
from streaming.config import RoomConfig
from streaming.contract import Attendant, Host, Partner
from streaming.gathering import Gathering, Gatherings
from streaming.media import Media, OwnMedia
from streaming.metrics import EndedCounts
from streaming.turn_times import TurnTimes
from streaming.visit import Visit

logger = logging.getLogger(__name__)


class Visits:
    """Owns the task of every visit."""

    def __init__(
        self,
        host: Host,
        gatherings: Gatherings,
        calls: Calls,
        config: RoomConfig,
        times: TurnTimes,
        ended: EndedCounts,
    ) -> None:
        self._host = host
        self._calls = calls
        self._gatherings = gatherings
        self._config = config
        self._times = times
        self._ended = ended
        self._running: dict[str, tuple[Visit, asyncio.Task[None]]] = {}
        self._partners: dict[str, Partner] = {}
        self.opened = 0
        """Visits answered since the room opened."""

    def __len__(self) -> int:
        return len(self._running)

    def stats(self) -> list[dict[str, float]]:
        """Return the figures of every visit."""
        return [visit.counts() for visit, _ in self._running.values()]

    async def open(self, avatar: str, offer_sdp: str) -> tuple[str, str]:
        """Welcome a visitor; return the visit's key and the SDP answer.

        Raises:
            RoomFullError: the host has no place.
            KeyError: there is no such avatar.
            OfferError: the offer cannot be answered.
        """
        partner = await self._host.welcome(avatar)
        key, answer = await self._begin(partner, OwnMedia(partner, self._config.video_bitrate), offer_sdp)
        self._partners[key] = partner
        return key, answer

    def partner(self, key: str) -> Partner | None:
        """Return whom a visitor talks to alone, by the visit's key."""
        return self._partners.get(key)

    async def open_among(
        self, gathering: str, avatar: str, guest: str, offer_sdp: str
    ) -> tuple[str, str, Gathering]:
        """Welcome a guest of a gathering; return the visit's key, the SDP answer, and the gathering.

        Raises:
            OfferError: the offer cannot be answered.
            ValueError, KeyError, RoomFullError, ShowBusyError: see `Gatherings.join`.
        """
        joined, line = await self._gatherings.join(gathering, avatar, guest)
        key, answer = await self._begin(line, line, offer_sdp)
        return key, answer, joined

    async def open_call(
        self,
        call: str,
        avatar: str,
        key: str,
        who: str,
        offer_sdp: str,
        *,
        draws: bool,
        voice_carries_motion: bool = False,
    ) -> tuple[str, str]:
        """Let somebody into a call; return the visit's key and the SDP answer.

        Raises:
            OfferError: the offer cannot be answered.
            ValueError, KeyError, RoomFullError, NotYoursError: see `Calls.join`.
        """
        line = await self._calls.join(call, avatar, key, who, draws=draws)
        return await self._begin(line, line, offer_sdp, voice_carries_motion=voice_carries_motion)

    async def _begin(
        self, partner: Attendant, media: Media, offer_sdp: str, *, voice_carries_motion: bool = False
    ) -> tuple[str, str]:
        visit: Visit | None = None
        try:
            visit = Visit(
                secrets.token_urlsafe(16),
                partner,
                media,
                self._config,
                self._times.visit(),
                voice_carries_motion=voice_carries_motion,
            )
            answer = await visit.answer(offer_sdp)
        except BaseException:
            await (visit or partner).aclose()
            raise
        task = asyncio.create_task(self._run(visit), name="visit")
        self._running[visit.key] = visit, task
        self.opened += 1
        return visit.key, answer

    async def end(self, key: str) -> None:
        """End a visit and wait until it is freed. There may be none of this key: it is over already."""
        if (found := self._running.get(key)) is None:
            return
        visit, task = found
        visit.end()
        await asyncio.wait([task])

    async def aclose(self) -> None:
        """End every visit."""
        for key in list(self._running):
            await self.end(key)

    async def _run(self, visit: Visit) -> None:
        logger.info("visit begins; %d now", len(self))
        try:
            await visit.run()
        except Exception:
            logger.exception("a visit failed")
        finally:
            self._ended.add(visit.counts())
            del self._running[visit.key]
            self._partners.pop(visit.key, None)
            logger.info("visit over; %d left", len(self))
