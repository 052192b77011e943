"""Pushing the avatar out, to a WHIP endpoint that is our own: what one avatar says moves another's mouth."""

import asyncio
import contextlib
import socket
import sys

import pytest

from streaming.config import PushConfig, RoomConfig
from streaming.fakes import FakeHost
from streaming.metrics import EndedCounts
from streaming.push import Push, until_silent
from streaming.shows import Shows
from tests.streaming.players import playing
from tests.streaming.rooms import open_room, until


def pushing_to(room, **changes) -> RoomConfig:
    target = PushConfig(url=f"{room.http.base_url}/whip/far", show="near", silence_s=4, **changes)
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


async def test_an_endpoint_that_was_killed_is_given_up_long_before_ice_notices():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    far = await asyncio.create_subprocess_exec(sys.executable, "-m", "streaming", str(port))
    host = FakeHost(size=64)
    target = PushConfig(url=f"http://127.0.0.1:{port}/whip/far", show="near", silence_s=3)
    push = Push(target, Shows(host, EndedCounts()), RoomConfig())
    task = asyncio.create_task(push.run())
    try:
        await until(lambda: push.live)
        await asyncio.sleep(4)
        assert push.live, "an endpoint that reports is no silent one"
        far.kill()
        await until(lambda: not push.live, timeout_s=12)
    finally:
        task.cancel()
        with contextlib.suppress(ProcessLookupError):
            far.kill()
        await asyncio.wait([task])
        await far.wait()
        await host.aclose()


class Endpoint:
    """Says what a `Peer` says of its other side."""

    def __init__(self, packets_until_s: float, connected_at_s: float = 0.0) -> None:
        self._began_s = asyncio.get_running_loop().time()
        self._packets_until_s, self._connected_at_s = packets_until_s, connected_at_s

    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    @property
    def state(self) -> str:
        return "connected" if self._age_s() >= self._connected_at_s else "connecting"

    async def received_packets(self) -> int:
        return int(min(self._age_s(), self._packets_until_s))


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("packets_until_s", "connected_at_s", "given_up_after_s"),
    [(0, 0, 10), (60, 0, 70), (0, 14, 24)],
    ids=["never heard", "heard for a minute", "not heard while it connects"],
)
async def test_silence_counts_from_the_last_packet_of_a_connected_endpoint(
    packets_until_s, connected_at_s, given_up_after_s
):
    began_s = asyncio.get_running_loop().time()
    await until_silent(Endpoint(packets_until_s, connected_at_s), silence_s=10)
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(given_up_after_s, abs=1)


async def test_a_token_is_sent():
    far_host = FakeHost(size=64)
    async with open_room(far_host, RoomConfig(bearer_token="secret")) as far:
        async with open_room(FakeHost(size=64), pushing_to(far, token="secret")):
            await until(lambda: far_host.performers)
        await until(lambda: far_host.performers[0].closed)
