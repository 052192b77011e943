"""The room's HTTP interface: avatars, offers, visits, ICE servers, health."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from models.web_tracker import installed_tracker
from streaming.calls.calls import Calls, NotYoursError
from streaming.config import RoomConfig
from streaming.contract import AvatarCard, Host, RoomFullError
from streaming.gathering import NAME_MAX_CHARS, Gatherings
from streaming.negotiation import OfferError
from streaming.problems import first_problem
from streaming.show import ShowBusyError
from streaming.shows import NAME
from streaming.upload import body_within, receive_avatar
from streaming.visits import Visits

KEY_MAX_CHARS = 100
OFFER_MAX_BYTES = 100_000
"""A browser's offer takes about 6 kB."""


class Offer(BaseModel):
    """Body of `POST /api/offer`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sdp: str = Field(min_length=1)
    avatar: str | None = None
    """Name of an avatar; the default one when left out."""
    room: str | None = Field(default=None, pattern=NAME.pattern, max_length=64)
    """A gathering to join; alone when left out."""
    name: str = Field(default="", max_length=NAME_MAX_CHARS)
    """The visitor's, for the others of a gathering or a call."""
    call: str | None = Field(default=None, pattern=NAME.pattern, max_length=64)
    """A call to take part in, as the avatar; no conversation and no gathering then."""
    key: str = Field(default="", max_length=KEY_MAX_CHARS)
    """The avatar's key, for calls."""
    draw: bool = True
    """Whether the others of a call are drawn here; else their motion comes over the data channel."""
    voice_carries_motion: bool = False
    """Whether every packet of the visitor's voice ends with motion (docs/motion-stream.md); in calls only."""


class RoomApi:
    """Answers the calls; holds the host, the settings and the visits."""

    def __init__(
        self, host: Host, config: RoomConfig, visits: Visits, gatherings: Gatherings, calls: Calls
    ) -> None:
        self._host = host
        self._calls = calls
        self._config = config
        self._visits = visits
        self._gatherings = gatherings

    def routes(self) -> list[Route]:
        """Return every route under `/api`."""
        return [
            Route("/api/health", self.health, methods=["GET"]),
            Route("/api/ice", self.ice, methods=["GET"]),
            Route("/api/avatars", self.avatars, methods=["GET"]),
            Route("/api/avatars", self.create, methods=["POST"]),
            Route("/api/avatars/{name}/preview", self.preview, methods=["GET"]),
            Route("/api/rooms/{name}", self.room, methods=["GET"]),
            Route("/api/calls/{name}", self.call, methods=["GET"]),
            Route("/api/offer", self.offer, methods=["POST"]),
            Route("/api/visits/{key}", self.leave, methods=["DELETE"]),
        ]

    async def health(self, _: Request) -> Response:
        """Tell that the room is open, and how many are in it."""
        return JSONResponse(
            {"status": "ok", "visits": len(self._visits), "visits_opened": self._visits.opened}
        )

    async def ice(self, _: Request) -> Response:
        """Tell the page which ICE servers to use, and the playout delay to ask for."""
        servers = [
            {
                "urls": list(server.urls),
                "username": server.username,
                "credential": server.credential.get_secret_value() if server.credential else None,
            }
            for server in self._config.ice_servers
        ]
        return JSONResponse(
            {
                "ice_servers": [{k: v for k, v in server.items() if v is not None} for server in servers],
                "relay_only": self._config.relay_only,
                "jitter_target_ms": self._config.jitter_target_ms,
                "upload_max_mb": self._config.upload_max_mb,
                "text_max_chars": self._config.text_max_chars,
                "face_tracker": installed_tracker() is not None,
            }
        )

    async def avatars(self, _: Request) -> Response:
        """List who can be met."""
        return JSONResponse([card_json(card) for card in self._host.avatars()])

    async def create(self, request: Request) -> Response:
        """Make an avatar from an uploaded photo, telling the progress line by line."""
        return await receive_avatar(request, self._host, self._config)

    def preview(self, request: Request) -> Response:
        """Send an avatar's preview picture."""
        card = self._card(request.path_params["name"])
        if not Path(card.preview_png).is_file():
            raise HTTPException(404, f"{card.title} has no preview picture.")
        return FileResponse(card.preview_png, media_type="image/png")

    async def room(self, request: Request) -> Response:
        """Tell who is in a gathering, if anybody."""
        gathering = self._gatherings.get(request.path_params["name"])
        if gathering is None:
            return JSONResponse({"avatar": None, "guests": []})
        names = [guest.name for guest in gathering.guests]
        return JSONResponse({"avatar": gathering.avatar, "guests": names})

    async def call(self, request: Request) -> Response:
        """Tell who is in a call, if anybody."""
        call = self._calls.get(request.path_params["name"])
        return JSONResponse({"people": [caller.person.name for caller in call.people] if call else []})

    async def offer(self, request: Request) -> Response:
        """Answer an SDP offer and open a visit, alone or among others."""
        try:
            offer = Offer.model_validate_json(await body_within(request, OFFER_MAX_BYTES))
        except ValidationError as error:
            raise HTTPException(400, f"Not an offer: {first_problem(error)}") from error
        card = self._card(offer.avatar)
        try:
            key, answer, card = await self._open(offer, card)
        except ShowBusyError as error:
            raise HTTPException(409, f"This does not go now: {error}; choose another.") from error
        except NotYoursError as error:
            raise HTTPException(403, str(error)) from error
        except RoomFullError as error:
            raise HTTPException(503, str(error), headers={"Retry-After": "10"}) from error
        except OfferError as error:
            raise HTTPException(400, f"Not an offer: {error}.") from error
        body = {"visit": key, "type": "answer", "sdp": answer, "avatar": card_json(card)}
        return JSONResponse(body, 201, headers={"Location": f"/api/visits/{key}"})

    async def _open(self, offer: Offer, card: AvatarCard) -> tuple[str, str, AvatarCard]:
        """Open the visit; a gathering that goes on has its own avatar."""
        if offer.call is not None:
            opened = await self._visits.open_call(
                offer.call,
                card.name,
                offer.key,
                offer.name,
                offer.sdp,
                draws=offer.draw,
                voice_carries_motion=offer.voice_carries_motion,
            )
            return *opened, card
        if offer.room is None:
            return *await self._visits.open(card.name, offer.sdp), card
        key, answer, gathering = await self._visits.open_among(offer.room, card.name, offer.name, offer.sdp)
        return key, answer, self._card(gathering.avatar)

    async def leave(self, request: Request) -> Response:
        """See to it that a visit is over: who leaves also hangs up, and that may arrive first."""
        await self._visits.end(request.path_params["key"])
        return Response(status_code=204)

    def _card(self, name: str | None) -> AvatarCard:
        cards = self._host.avatars()
        found = cards[:1] if name is None else [card for card in cards if card.name == name]
        if not found:
            known = ", ".join(card.name for card in cards) or "none yet"
            raise HTTPException(404, f"There is no avatar {name!r}; there are: {known}.")
        return found[0]


def card_json(card: AvatarCard) -> dict[str, Any]:
    """Return what the page needs of an avatar."""
    return {
        "name": card.name,
        "title": card.title,
        "preview": f"/api/avatars/{card.name}/preview",
        "made_by": card.made_by,
        "open": card.is_open,
    }
