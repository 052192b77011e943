"""A room over MQTT for devices, through a real mosquitto."""

import asyncio
import contextlib
import json

import pytest

from streaming.devices.commands import CommandError, read_command
from streaming.devices.config import DevicesConfig
from streaming.devices.link import DeviceLink
from streaming.devices.stagehand import Stagehand
from streaming.fakes import FakeHost
from streaming.metrics import EndedCounts
from streaming.shows import Shows
from tests.streaming.brokers import Broker, real

WITHIN_S = 20


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker")).start()
    yield broker
    broker.stop()


class Device:
    """Asks, and reads what the room says."""

    def __init__(self, client, prefix="visavis/rooms/hall"):
        self._client = client
        self._prefix = prefix
        self.presence = None
        self.state = {"shows": []}
        self._answers = asyncio.Queue()
        self._changed = asyncio.Event()

    async def listen(self):
        await self._client.subscribe(f"{self._prefix}/+", qos=1)
        async for message in self._client.messages:
            kind = str(message.topic).rpartition("/")[2]
            if kind == "answer":
                self._answers.put_nowait(json.loads(message.payload))
            elif kind == "state":
                self.state = json.loads(message.payload)
            elif kind == "presence":
                self.presence = message.payload.decode()
            self._changed.set()

    async def ask(self, kind, **settings):
        await self._client.publish(f"{self._prefix}/{kind}", json.dumps(settings), qos=1)
        return await asyncio.wait_for(self._answers.get(), WITHIN_S)

    async def until(self, is_so):
        async with asyncio.timeout(WITHIN_S):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def room_and_device(broker):
    import aiomqtt

    host = FakeHost(size=64)
    shows = Shows(host, EndedCounts())
    config = DevicesConfig(host="127.0.0.1", port=broker.port, tls=False, room="hall", state_every_s=0.1)
    running = asyncio.create_task(DeviceLink(config, Stagehand(shows)).run())
    protocol = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", broker.port, protocol=protocol) as client:
        device = Device(client)
        listening = asyncio.create_task(device.listen())
        try:
            await device.until(lambda d: d.presence == "online")
            yield device, host, running
        finally:
            running.cancel()
            await asyncio.wait([running])
            await device.until(lambda d: d.presence == "offline")
            listening.cancel()
            await asyncio.wait([listening])
            await shows.aclose()
            await host.aclose()


@real
async def test_a_device_starts_a_show_lets_it_speak_and_stops_it(broker):
    async with room_and_device(broker) as (device, host, _):
        answer = await device.ask("start", show="desk", avatar="vera", id="1")
        assert answer == {"command": "start", "id": "1", "ok": True, "avatar": "vera"}
        await device.until(lambda d: d.state["shows"])
        assert device.state["shows"] == [{"show": "desk", "avatar": "vera", "watchers": 0, "waiting": 0}]
        said = await device.ask("say", show="desk", text="Good morning", id="2")
        assert (said["ok"], said["interrupted"]) == (True, False)
        assert said["played_s"] == pytest.approx(0.6, abs=0.01)
        assert len(host.performers) == 1
        assert (await device.ask("stop", show="desk", id="3"))["ok"]
        await device.until(lambda d: not d.state["shows"])
        assert host.present == 0


@real
async def test_stop_cuts_a_sentence_off(broker):
    async with room_and_device(broker) as (device, _, _):
        await device.ask("start", show="desk")
        saying = asyncio.create_task(device.ask("say", show="desk", text="one " * 60, id="long"))
        await device.until(lambda d: any(show["waiting"] for show in d.state["shows"]))
        stop = asyncio.create_task(device.ask("stop", show="desk", end=False, id="stop"))
        answers = {answer["id"]: answer for answer in await asyncio.gather(saying, stop)}
        assert answers["long"]["interrupted"]
        assert answers["stop"]["ok"]


@real
async def test_what_cannot_be_is_answered(broker):
    async with room_and_device(broker) as (device, _, _):
        for kind, settings, told in (
            ("start", {"avatar": "nobody"}, "nobody"),
            ("say", {"id": "x"}, "text"),
            ("say", {"text": "unspeakable"}, "cannot say that"),
            ("stop", {"show": "absent"}, "absent"),
            ("start", {"shew": "desk"}, "shew"),
        ):
            answer = await device.ask(kind, **settings)
            assert not answer["ok"]
            assert told in answer["message"]
            assert answer["id"] == settings.get("id", "")


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff\xfe", b'{"id": 3}', b"x" * 20_000])
def test_garbage_is_no_command(body):
    with pytest.raises(CommandError, match=r".+"):
        read_command("start", body)


def test_an_empty_body_starts_the_stage():
    assert read_command("start", b"").show == "stage"
    with pytest.raises(CommandError, match="start, say, stop"):
        read_command("dance", b"")
