"""WHIP and WHEP: publish a show's voice, and play a show, over plain HTTP.

WHIP is RFC 9725, WHEP draft-ietf-wish-whep; both exchange one offer for one answer:

    POST   /whip/SHOW, /whep/SHOW             application/sdp → 201, Location, ETag, Link
    PATCH  /whip/SHOW/KEY, /whep/SHOW/KEY     application/trickle-ice-sdpfrag → 204
    DELETE /whip/SHOW/KEY, /whep/SHOW/KEY     → 200

Candidates may trickle in. ICE restarts are not possible with aiortc; they get 422 and change nothing (RFC
9725 section 4.3.1). An offer that is none gets 400, one that cannot be answered as a whole 422.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streaming.config import IceServer, RoomConfig
from streaming.contract import RoomFullError
from streaming.negotiation import FragmentError, OfferError, UnacceptableOfferError
from streaming.participants import Participants
from streaming.show import ShowBusyError
from streaming.upload import body_within

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
OFFER_MAX_BYTES: Final = 100_000
"""A browser's offer takes about 6 kB."""
RETRY: Final = {"Retry-After": "10"}


class SignallingApi:
    """Answers the calls of one of the two protocols.

    Args:
        path: `/whip` or `/whep`.
        participants: who takes part that way.
        config: the room's.
    """

    def __init__(self, path: str, participants: Participants, config: RoomConfig) -> None:
        self._path = path
        self._participants = participants
        self._links = ice_links(config.ice_servers)

    def routes(self) -> list[Route]:
        """Return the routes; other methods get 405, as both protocols demand."""
        return [
            _route(f"{self._path}/{{show}}", {"POST": self.open, "OPTIONS": self.options}),
            _route(f"{self._path}/{{show}}/{{key}}", {"PATCH": self.trickle, "DELETE": self.leave}),
        ]

    async def options(self, _: Request) -> Response:
        """Say what may be posted, and which ICE servers there are."""
        return self._with_links(Response(status_code=200, headers={"Accept-Post": SDP}))

    async def open(self, request: Request) -> Response:
        """Answer an SDP offer."""
        _demand(request, SDP)
        offer = await _text(request, OFFER_MAX_BYTES)
        show, avatar = request.path_params["show"], request.query_params.get("avatar")
        try:
            opened = await self._participants.open(show, avatar, offer)
        except UnacceptableOfferError as error:
            raise HTTPException(422, f"This cannot be answered: {error}.") from error
        except OfferError as error:
            raise HTTPException(400, f"Not an offer: {error}.") from error
        except ValueError as error:
            raise HTTPException(404, f"No such show: {error}.") from error
        except KeyError as error:
            raise HTTPException(404, f"There is no avatar {avatar!r}.") from error
        except ShowBusyError as error:
            raise HTTPException(409, f"This does not go now: {error}.", headers=RETRY) from error
        except RoomFullError as error:
            raise HTTPException(503, str(error), headers=RETRY) from error
        headers = {
            "Location": f"{self._path}/{show}/{opened.key}",
            "ETag": opened.etag,
            "Accept-Patch": FRAGMENT,
        }
        return self._with_links(Response(opened.answer, 201, headers, media_type=SDP))

    async def trickle(self, request: Request) -> Response:
        """Take candidates that were found after the offer."""
        found = self._participants.find(request.path_params["key"])
        if found is None:
            raise HTTPException(404, "There is no such session; it may be over already.")
        participant, etag = found
        _demand(request, FRAGMENT)
        _check_precondition(request.headers.get("if-match"), etag)
        try:
            added = await participant.trickle(await _text(request, OFFER_MAX_BYTES))
        except FragmentError as error:
            raise HTTPException(400, f"Not a fragment: {error}.") from error
        if not added:
            raise HTTPException(422, "This room cannot restart ICE; end the session and begin another.")
        return Response(status_code=204)

    async def leave(self, request: Request) -> Response:
        """End the session."""
        if not await self._participants.end(request.path_params["key"]):
            raise HTTPException(404, "There is no such session; it may be over already.")
        return Response(status_code=200)

    def _with_links(self, response: Response) -> Response:
        for link in self._links:
            response.headers.append("Link", link)
        return response


def ice_links(servers: tuple[IceServer, ...]) -> list[str]:
    """Return one `Link` header's value for each ICE server's URL (RFC 9725 section 4.6)."""
    links = []
    for server in servers:
        rest = '; rel="ice-server"'
        if server.username is not None:
            rest += f"; username={_quoted(server.username)}"
        if server.credential is not None:
            secret = _quoted(server.credential.get_secret_value())
            rest += f'; credential={secret}; credential-type="password"'
        links += [f"<{url}>{rest}" for url in server.urls]
    return links


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_precondition(if_match: str | None, etag: str) -> None:
    """Demand the ICE session's ETag (RFC 9725 section 4.3.1), or `*`, with which a restart is asked for."""
    if if_match is None:
        raise HTTPException(428, "Send the ETag of this session in If-Match.")
    given = [tag.strip() for tag in if_match.split(",")]
    if given != ["*"] and not any(secrets.compare_digest(tag.encode(), etag.encode()) for tag in given):
        raise HTTPException(412, "That is not the ETag of this session.")


def _demand(request: Request, media_type: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise HTTPException(415, f"Send {media_type}.", headers={"Accept-Post": SDP})


async def _text(request: Request, limit_bytes: int) -> str:
    try:
        return (await body_within(request, limit_bytes)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(400, "The body is no UTF-8 text.") from error


def _route(path: str, by_method: dict[str, Callable[[Request], Awaitable[Response]]]) -> Route:
    async def choose(request: Request) -> Response:
        return await by_method[request.method](request)

    return Route(path, choose, methods=list(by_method))
