"""Pushing the avatar out, to a WHIP endpoint that is our own: what one avatar says moves another's mouth."""

from streaming.config import PushConfig, RoomConfig
from streaming.fakes import FakeHost
from tests.streaming.players import playing
from tests.streaming.rooms import open_room, until


def pushing_to(room, **changes) -> RoomConfig:
    target = PushConfig(url=f"{room.http.base_url}/whip/far", show="near", **changes)
    return RoomConfig(push=target, connect_timeout_s=3)


async def test_what_is_said_here_is_heard_there():
    far_host = FakeHost(size=64)
    async with (
        open_room(far_host) as far,
        open_room(FakeHost(size=64), pushing_to(far)) as near,
        playing(far.http, "/whep/far") as player,
    ):
        answer = await near.http.post("/v1/speak", json={"show": "near", "text": "one two three " * 5})
        assert answer.status_code == 202
        await player.until_mouth_opens()


async def test_a_push_goes_on_when_the_endpoint_was_away():
    """Also when it went while it was being connected to: then both ends give that up before the next try."""
    far_host, hasty = FakeHost(size=64), RoomConfig(connect_timeout_s=3)
    async with open_room(far_host, hasty) as far, open_room(FakeHost(size=64), pushing_to(far)):
        await until(lambda: far_host.performers)
        await far_host.performers[0].aclose()
        await until(lambda: len(far_host.performers) == 2)


async def test_a_token_is_sent():
    far_host = FakeHost(size=64)
    async with open_room(far_host, RoomConfig(bearer_token="secret")) as far:
        async with open_room(FakeHost(size=64), pushing_to(far, token="secret")):
            await until(lambda: far_host.performers)
        await until(lambda: far_host.performers[0].closed)
