"""The avatar out to a WHIP endpoint: SRS, a LiveKit ingress, MediaMTX, Cloudflare, or another room of ours.

A push takes part in its show like a player, so the show runs as long as the room does. A connection that
ends or falls silent, or an endpoint that refuses, is tried again after a pause that doubles.
"""

import asyncio
import logging
from typing import Final
from urllib.parse import urljoin

import httpx

from streaming.config import PushConfig, RoomConfig
from streaming.contract import RoomFullError
from streaming.negotiation import OfferError
from streaming.peer import Peer
from streaming.shows import Shows
from streaming.viewer import Viewer

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
ANSWER_TIMEOUT_S: Final = 15.0
LISTEN_EVERY_S: Final = 0.5


class PushError(RuntimeError):
    """The endpoint did not take the avatar; the message says why."""


async def until_silent(peer: Peer, silence_s: float) -> None:
    """Return when a connected endpoint has sent nothing for `silence_s`.

    One that was killed, or that closed before its half of the handshake was done, does not say that it is
    gone, and ICE needs half a minute to notice (RFC 7675).
    """
    loop = asyncio.get_running_loop()
    heard, heard_at_s = -1, loop.time()
    while loop.time() - heard_at_s < silence_s:
        packets = await peer.received_packets()
        if packets != heard or peer.state != "connected":
            heard, heard_at_s = packets, loop.time()
        await asyncio.sleep(LISTEN_EVERY_S)
    logger.warning("nothing has come from the endpoint for %g s", silence_s)


class Push:
    """Keeps one show at one endpoint. Call `run` in a task, and cancel it to end."""

    def __init__(self, target: PushConfig, shows: Shows, config: RoomConfig) -> None:
        self._target = target
        self._shows = shows
        self._config = config
        self._headers = {"Content-Type": "application/sdp"}
        if target.token is not None:
            self._headers["Authorization"] = f"Bearer {target.token.get_secret_value()}"
        self.live = False
        """Whether the endpoint has answered and the connection goes on."""
        self.attempts = 0
        """How often it was tried."""

    async def run(self) -> None:
        """Push until cancelled."""
        pause_s = FIRST_PAUSE_S
        async with httpx.AsyncClient(timeout=ANSWER_TIMEOUT_S, follow_redirects=True) as http:
            while True:
                self.attempts += 1
                loop = asyncio.get_running_loop()
                began_s = loop.time()
                try:
                    await self._once(http)
                except (PushError, OfferError, RoomFullError, KeyError, httpx.HTTPError) as error:
                    logger.warning("pushing to %s failed: %s", self._target.url, error)
                if loop.time() - began_s > LONGEST_PAUSE_S:
                    pause_s = FIRST_PAUSE_S
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _once(self, http: httpx.AsyncClient) -> None:
        """Push until the connection ends."""
        part = await self._shows.join(self._target.show, self._target.avatar)
        try:
            viewer = Viewer(part.show, self._config)
            try:
                session = await self._publish(viewer, http)
                try:
                    self.live = True
                    await self._while_it_lasts(viewer, part.show.ended)
                finally:
                    self.live = False
                    await self._leave(session, http)
            finally:
                await viewer.aclose()
        finally:
            await part.leave()

    async def _publish(self, viewer: Viewer, http: httpx.AsyncClient) -> str:
        """Offer, connect, and return the address of the WHIP session."""
        answer = await http.post(self._target.url, content=await viewer.peer.offer(), headers=self._headers)
        if answer.status_code != 201:
            raise PushError(f"the endpoint answered {answer.status_code}: {answer.text[:200]}")
        await viewer.peer.connect(answer.text)
        return urljoin(str(answer.url), answer.headers.get("location", ""))

    async def _while_it_lasts(self, viewer: Viewer, show_ended: asyncio.Event) -> None:
        work = {
            asyncio.create_task(viewer.run()),
            asyncio.create_task(show_ended.wait()),
            asyncio.create_task(until_silent(viewer.peer, self._target.silence_s)),
        }
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _leave(self, session: str, http: httpx.AsyncClient) -> None:
        """Tell the endpoint, which may be gone."""
        try:
            await http.delete(session, headers=self._headers)
        except httpx.HTTPError as error:
            logger.info("the endpoint did not hear the end of the push: %s", error)
