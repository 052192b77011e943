"""What every `MotionCarrier` keeps, the fake and the real."""

import asyncio

import pytest

from streaming.motion.carrier import CarrierClosedError, Message

WITHIN_S = 20


async def next_message(messages, kind):
    """Return the next message of a kind."""
    async with asyncio.timeout(WITHIN_S):
        async for message in messages:
            if message.kind == kind:
                return message
    pytest.fail(f"the messages ended without a {kind}")


async def packets_of(carrier):
    """Return packets until they end."""
    async with asyncio.timeout(WITHIN_S):
        return [packet async for packet in carrier]


async def until(is_so):
    """Wait for something that a carrier only counts."""
    for _ in range(50 * WITHIN_S):
        if is_so():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never came")


async def check_pair(a, b):
    """Drive a fresh pair of ends through a whole call."""
    from_a, from_b = b.messages(), a.messages()
    assert await next_message(from_a, "presence") == Message("presence", b"online")
    assert await next_message(from_b, "presence") == Message("presence", b"online")

    await a.tell(Message("card", b'{"title": "Vera"}'))
    await a.tell(Message("portrait", bytes(range(256)) * 400))
    await b.tell(Message("control", b'{"ask": "start"}'))
    assert (await next_message(from_a, "card")).body == b'{"title": "Vera"}'
    assert (await next_message(from_a, "portrait")).body == bytes(range(256)) * 400
    assert (await next_message(from_b, "control")).body == b'{"ask": "start"}'

    sent = [bytes([1, number]) * 20 for number in range(30)]
    for packet in sent:
        a.push(packet)
        await asyncio.sleep(0.002)
    await a.flush()
    a.push_voice(b"sound one")
    a.push_voice(b"sound two")
    await a.flush()
    b.push(b"back")
    await b.flush()
    await a.end()
    assert await packets_of(b) == sent
    assert [packet async for packet in b.voices()] == [b"sound one", b"sound two"]
    assert await next_message(from_a, "presence") == Message("presence", b"offline")
    with pytest.raises(CarrierClosedError):
        a.push(b"late")

    await b.end()
    assert await packets_of(a) == [b"back"]
    for stats in (a.stats(), b.stats()):
        assert stats["carrier_in_packets"] == stats["carrier_in_dropped_packets"] == 0
        assert stats["carrier_out_packets"] == stats["carrier_out_dropped_packets"] == 0
    for end in (a, b, a):
        await end.aclose()
    with pytest.raises(CarrierClosedError):
        await a.tell(Message("control", b"{}"))
    assert await packets_of(a) == []


async def check_leaving(a, b):
    """Close one end in the middle: whoever waits there is let go, and the other end hears of it."""
    from_a = b.messages()
    waiting = asyncio.create_task(packets_of(a))
    await next_message(from_a, "presence")
    await asyncio.sleep(0.01)
    await a.aclose()
    assert await waiting == []
    assert (await next_message(from_a, "presence")).body == b"offline"
    await b.aclose()


async def check_bounds(a, b, bound):
    """Packets that nobody reads are dropped, the oldest first, and counted."""
    count = bound + 20
    for number in range(count):
        a.push(number.to_bytes(2))
        if number % 10 == 9:
            await a.flush()
            await asyncio.sleep(0.01)
    await a.end()
    await until(lambda: b.stats()["carrier_in_dropped_packets"] >= 20)
    assert b.stats()["carrier_in_dropped_packets"] == 20
    assert await packets_of(b) == [number.to_bytes(2) for number in range(20, count)]
    await a.aclose()
    await b.aclose()
