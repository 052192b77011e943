"""Carriers of motion: the fake, and MQTT through a real mosquitto."""

import asyncio
import base64
import importlib.util
import shutil
import subprocess
import sys

import pytest

from streaming.motion.carrier import CarrierClosedError, Message
from streaming.motion.fake_carrier import FakeCarrier, LineConfig
from streaming.motion.inbox import IN_MAX
from streaming.motion.mqtt import MqttCarrier
from streaming.motion.mqtt_config import MqttConfig
from streaming.motion.seal import OVERHEAD_BYTES, WINDOW, Opener, Sealer, SealError
from streaming.motion.wire import SEAL
from tests.house.repository import ROOT
from tests.streaming import carrier_contract as contract
from tests.streaming.brokers import Broker, free_port, real

SECRET = base64.b64encode(bytes(range(32))).decode()
VANISHING = """
import asyncio, sys
from streaming.motion.mqtt import MqttCarrier
from streaming.motion.mqtt_config import MqttConfig
async def main():
    carrier = await MqttCarrier.join(MqttConfig.model_validate_json(sys.argv[1]))
    await asyncio.sleep(60)
asyncio.run(main())
"""
"""A program that joins a call, and is killed there."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker")).start()
    yield broker
    broker.stop()


def ends(broker, call, **changes):
    common = {"host": "127.0.0.1", "port": broker.port, "tls": False, "call": call, **changes}
    return MqttConfig(name="anna", peer="ben", **common), MqttConfig(name="ben", peer="anna", **common)


async def meet(broker, call, **changes):
    return await asyncio.gather(*map(MqttCarrier.join, ends(broker, call, **changes)))


async def meet_after(broker, call, message):
    """Tell a message before the other end joins; return both ends, and the later one's settings."""
    early, late = ends(broker, call, secret=SECRET)
    first = await MqttCarrier.join(early)
    await first.tell(message)
    return first, await MqttCarrier.join(late), late


@pytest.mark.virtual_time
@pytest.mark.parametrize("check", [contract.check_pair, contract.check_leaving])
async def test_the_fake_keeps_the_contract(check):
    await check(*FakeCarrier.pair())


@pytest.mark.virtual_time
async def test_the_fake_is_bounded():
    await contract.check_bounds(*FakeCarrier.pair(), IN_MAX)


@pytest.mark.virtual_time
async def test_the_fake_loses_delays_and_reorders_the_same_way_each_time():
    runs = []
    for _ in range(2):
        a, b = FakeCarrier.pair(LineConfig(loss=0.3, delay_ms=50, jitter_ms=100, seed=4))
        for number in range(60):
            a.push(bytes([number]))
            await asyncio.sleep(0.04)
        await a.end()
        runs.append(await contract.packets_of(b))
        assert a.lost == 60 - len(runs[-1])
    assert runs[0] == runs[1] != sorted(runs[0])
    assert 8 < a.lost < 30


@real
@pytest.mark.parametrize("secret", [None, SECRET], ids=["plain", "sealed"])
@pytest.mark.parametrize("check", [contract.check_pair, contract.check_leaving])
async def test_mqtt_keeps_the_contract(broker, check, secret):
    await check(*await meet(broker, f"{check.__name__}-{bool(secret)}", secret=secret))


@real
async def test_mqtt_is_bounded(broker):
    await contract.check_bounds(*await meet(broker, "bounds"), IN_MAX)


@real
async def test_who_comes_later_finds_card_and_presence(broker):
    first, second, _ = await meet_after(broker, "later", Message("card", b"anna"))
    messages = second.messages()
    found = {message.kind: message.body for message in [await anext(messages), await anext(messages)]}
    assert found == {"presence": b"online", "card": b"anna"}
    await first.aclose()
    await second.aclose()


@real
async def test_who_comes_a_moment_later_hears_what_was_told_and_once(broker):
    first, second, late = await meet_after(broker, "moment", Message("control", b"wait for me"))
    heard = second.messages()
    assert (await contract.next_message(heard, "control")).body == b"wait for me"
    await second.aclose()
    third = await MqttCarrier.join(late)
    await first.tell(Message("control", b"and this"))
    heard = third.messages()
    found = [(await contract.next_message(heard, "control")).body for _ in range(2)]
    assert sorted(found) == [b"and this", b"wait for me"]
    await asyncio.sleep(0.2)
    assert third.stats()["carrier_in_messages"] == 0
    await first.aclose()
    await third.aclose()


@real
async def test_a_broker_that_forgot_is_told_again_who_is_there(tmp_path):
    broker = Broker(tmp_path).start()
    a, b = await meet(broker, "forgot")
    await a.tell(Message("card", b"anna"))
    await contract.next_message(b.messages(), "card")
    broker.stop()
    broker.start()
    await contract.until(lambda: a.stats()["carrier_reconnects"] and b.stats()["carrier_reconnects"])
    await b.aclose()
    await a.tell(Message("control", b"all is well"))
    later = await MqttCarrier.join(ends(broker, "forgot")[1])
    messages = later.messages()
    assert (await contract.next_message(messages, "card")).body == b"anna"
    assert (await contract.next_message(messages, "control")).body == b"all is well"
    await a.aclose()
    await later.aclose()
    broker.stop()


@real
async def test_the_broker_tells_of_who_vanished(broker):
    anna, ben = ends(broker, "vanish")
    there = await MqttCarrier.join(ben)
    messages = there.messages()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VANISHING, anna.model_dump_json(), cwd=ROOT
    )
    assert (await contract.next_message(messages, "presence")).body == b"online"
    process.kill()
    await process.wait()
    assert (await contract.next_message(messages, "presence")).body == b"offline"
    assert await contract.packets_of(there) == []
    await there.aclose()


@real
async def test_a_broken_line_is_taken_up_again(tmp_path):
    broker = Broker(tmp_path).start()
    a, b = await meet(broker, "broken", secret=SECRET)
    heard = b.messages()
    await contract.next_message(heard, "presence")
    broker.stop()
    for number in range(40):
        a.push(bytes([number]))
    assert a.stats()["carrier_out_packets"] <= 32
    broker.start()
    await a.flush()
    assert a.stats()["carrier_out_packets"] == 0
    await a.tell(Message("control", b"again"))
    assert (await contract.next_message(heard, "control")).body == b"again"
    await a.end()
    packets = await contract.packets_of(b)
    assert packets[-1] == bytes([39])
    assert a.stats()["carrier_out_dropped_packets"] >= 8
    assert a.stats()["carrier_reconnects"] >= 1
    await a.aclose()
    await b.aclose()
    broker.stop()


@real
async def test_only_who_has_the_secret_is_heard(broker):
    anna, ben = ends(broker, "foreign", secret=SECRET)
    stranger = MqttConfig(**{**anna.model_dump(), "secret": base64.b64encode(bytes(32)).decode()})
    there, false = await MqttCarrier.join(ben), await MqttCarrier.join(stranger)
    for _ in range(3):
        false.push(b"lies")
    await false.tell(Message("control", b"lies"))
    await contract.until(lambda: there.stats()["carrier_refused"] >= 4)
    assert there.stats()["carrier_in_packets"] == 0
    await false.aclose()
    await there.aclose()


@pytest.fixture
def guarded(tmp_path):
    """A broker that speaks TLS and asks for a password; and its certificate."""
    if shutil.which("openssl") is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("no openssl, or no mosquitto_passwd")
    key, certificate, passwords = (tmp_path / name for name in ("key.pem", "cert.pem", "passwords"))
    for command in (
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2"
        " -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1",
        f"mosquitto_passwd -b -c {passwords} anna right",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    lines = [f"certfile {certificate}", f"keyfile {key}", f"password_file {passwords}"]
    broker = Broker(tmp_path, [*lines, "allow_anonymous false"]).start()
    yield broker, certificate
    broker.stop()


@real
async def test_tls_and_a_wrong_password(guarded):
    broker, certificate = guarded
    config, _ = ends(broker, "tls", username="anna", password="right", ca_file=certificate)
    config = MqttConfig(**{**config.model_dump(), "tls": True})
    carrier = await MqttCarrier.join(config)
    await carrier.tell(Message("card", b"over TLS"))
    await carrier.aclose()
    with pytest.raises(CarrierClosedError, match="refused"):
        await MqttCarrier.join(MqttConfig(**{**config.model_dump(), "password": "wrong"}))
    with pytest.raises(CarrierClosedError, match="no connection"):
        await MqttCarrier.join(MqttConfig(**{**config.model_dump(), "ca_file": None, "timeout_s": 2.0}))


async def test_nobody_at_the_address_is_told():
    config = MqttConfig(
        host="127.0.0.1", port=free_port(), tls=False, call="c", name="a", peer="b", timeout_s=0.5
    )
    if importlib.util.find_spec("aiomqtt") is None:
        pytest.skip("no aiomqtt")
    with pytest.raises(CarrierClosedError, match=r"no connection to the broker at 127\.0\.0\.1"):
        await MqttCarrier.join(config)


def test_a_seal_opens_once_and_only_as_what_it_was():
    sealer, opener = Sealer(bytes(32), "call", "anna"), Opener(bytes(32), "call", "anna")
    first, second = sealer.seal("motion", b"one"), sealer.seal("motion", b"two")
    assert len(first) == 3 + OVERHEAD_BYTES == 3 + SEAL
    assert opener.open("motion", second) == b"two"
    assert opener.open("motion", first) == b"one"
    for sealed, kind in ((first, "motion"), (sealer.seal("motion", b"x"), "control"), (first[:10], "motion")):
        with pytest.raises(SealError):
            opener.open(kind, sealed)
    for change in range(len(second)):
        broken = bytearray(sealer.seal("motion", b"two"))
        broken[change] ^= 1
        with pytest.raises(SealError):
            opener.open("motion", bytes(broken))
    old = sealer.seal("motion", b"old")
    for _ in range(WINDOW + 1):
        opener.open("motion", sealer.seal("motion", b"new"))
    with pytest.raises(SealError, match="before"):
        opener.open("motion", old)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"peer": "anna"}, "different names"), ({"secret": "c2hvcnQ="}, "32 bytes"), ({"call": "a/b"}, "call")],
)
def test_settings_are_checked(changes, told):
    with pytest.raises(ValueError, match=told):
        MqttConfig(**{"host": "h", "call": "c", "name": "anna", "peer": "ben", **changes})
