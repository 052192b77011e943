"""Ends of a call over a carrier: cards, voice and motion, on a bad line and through a real mosquitto."""

import asyncio

import numpy as np
import pytest

from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from streaming.calls.broker_end import BrokerEnd
from streaming.calls.end import CallCard
from streaming.calls.opus import OpusReader, OpusWriter
from streaming.motion.fake_carrier import FakeCarrier, LineConfig
from streaming.motion.mqtt import MqttCarrier
from streaming.motion.mqtt_config import MqttConfig
from streaming.motion.sender import MotionSender
from tests.streaming.brokers import Broker, real

WITHIN_S = 20
RATE_HZ = 16_000
ANNA = CallCard("Anna", "Vera", "Anna M.", b"\xff\xd8 a picture")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker")).start()
    yield broker
    broker.stop()


def tone(seconds):
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (9000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)


async def talk(end, seconds):
    """Send a tone and a jaw that opens, as fast as the line takes it."""
    sender = MotionSender()
    state, pcm = sender.init_state(), tone(seconds)
    for start in range(0, len(pcm), 640):
        at_s = start / RATE_HZ
        end.send_voice(pcm[start : start + 640], RATE_HZ, at_s)
        frame = MotionFrame.rest()
        frame.expression[EXPRESSION_INDEX["jawOpen"]] = 0.5 + 0.5 * np.sin(9 * at_s)
        packets, state = sender.step(frame.vector(), at_s, state)
        for packet in packets:
            end.send_motion(packet)
        await asyncio.sleep(0.04)


async def check_call(a, b, seconds):
    """Let one introduce themselves and talk, and the other meet, see and hear them."""
    await a.introduce(ANNA)
    assert await asyncio.wait_for(b.meet(), WITHIN_S) == ANNA

    async def watch():
        return [packet async for packet in b.motions()]

    async def listen():
        return [piece async for piece in b.voices()]

    tasks = [asyncio.create_task(watch()), asyncio.create_task(listen())]
    await talk(a, seconds)
    await a.aclose()
    moved, heard = await asyncio.wait_for(asyncio.gather(*tasks), WITHIN_S)
    await b.aclose()
    return moved, heard


@pytest.mark.virtual_time
async def test_who_calls_is_met_seen_and_heard():
    moved, heard = await check_call(*map(BrokerEnd, FakeCarrier.pair()), 6.0)
    assert len(moved) == 37
    assert len(heard) == 99, "the last is not whole"
    assert np.allclose(np.diff([piece.at_s for piece in heard]), 0.06)
    loud = np.concatenate([piece.pcm for piece in heard]).astype(float)
    assert np.sqrt(np.mean(loud[9600:] ** 2)) == pytest.approx(9000 / np.sqrt(2), rel=0.1)


@pytest.mark.virtual_time
async def test_a_lossy_line_loses_some_and_times_stay_true():
    line = LineConfig(loss=0.3, delay_ms=60, jitter_ms=80, seed=2)
    _, heard = await check_call(*map(BrokerEnd, FakeCarrier.pair(line)), 6.0)
    assert 50 < len(heard) < 90
    assert {round(piece.at_s * 1000) % 60 for piece in heard} == {0}


@real
async def test_through_mosquitto(broker):
    common = {"host": "127.0.0.1", "port": broker.port, "tls": False, "call": "supper"}
    settings = [MqttConfig(name=n, peer=p, **common) for n, p in (("anna", "ben"), ("ben", "anna"))]
    ends = [BrokerEnd(carrier) for carrier in await asyncio.gather(*map(MqttCarrier.join, settings))]
    moved, heard = await check_call(*ends, 2.0)
    assert len(moved) >= 12
    assert len(heard) == 33


def test_opus_packets_say_when_they_begin_and_garbage_is_counted():
    writer, reader = OpusWriter(), OpusReader()
    packets = writer.push(tone(0.2), RATE_HZ, 1.0) + writer.push(tone(0.2), RATE_HZ, 5.0)
    assert [round(reader.read(packet).at_s, 4) for packet in packets] == [1.0, 1.06, 1.12, 5.0, 5.06, 5.12]
    assert max(map(len, packets)) < 200
    for garbage in (b"", b"abcd", bytes(2000)):
        assert reader.read(garbage) is None
    assert reader.refused == 3
