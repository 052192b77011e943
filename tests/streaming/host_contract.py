"""What every `Host` and `Partner` must do; a test gives a host and takes the whole suite."""

import asyncio
import itertools

import numpy as np
import pytest

from engine.packets import MEDIA_SAMPLES_PER_FRAME
from streaming.contract import Caption, Host, Partner, SpeechPiece
from streaming.delivery import deliver

PATIENCE_S = 30.0


async def check_host(host: Host) -> None:
    """Meet the default avatar, talk to it, leave, and close the host."""
    cards = host.avatars()
    assert len({card.name for card in cards}) == len(cards) >= 1
    with pytest.raises(KeyError):
        await host.welcome("nobody of this name")
    partner = await host.welcome(cards[0].name)
    await check_packets(partner)
    await check_typed_turn(partner)
    await check_recital(partner)
    await check_leaving(partner)
    await check_performer(host)
    await host.aclose()
    await host.aclose()


async def check_packets(partner: Partner) -> None:
    """Packets follow each other without a gap, each with its 40 ms of sound."""
    packets = [packet async for packet in _take(partner.packets(), 5)]
    assert [b.index - a.index for a, b in itertools.pairwise(packets)] == [1] * 4
    for packet in packets:
        assert packet.pcm.shape == (MEDIA_SAMPLES_PER_FRAME,)
        assert packet.picture.shape == packets[0].picture.shape
        assert packet.picture.dtype == np.uint8


async def check_typed_turn(partner: Partner) -> None:
    """A typed turn is captioned, then answered by a final caption of the avatar; microphones never block."""
    partner.push_audio(np.zeros(960, np.int16), 48_000)
    partner.push_text("hello")
    pump = asyncio.create_task(_consume(partner))
    try:
        async with asyncio.timeout(PATIENCE_S):
            spoken = await _until_answered(partner)
    finally:
        pump.cancel()
        await asyncio.wait([pump])
    assert [c.text for c in spoken if c.who == "visitor"][-1] == "hello"
    assert all(np.isfinite(value) for value in partner.stats().values())


async def check_recital(partner: Partner) -> None:
    """A partner says what it is asked to, a text and a recording, one after the other."""
    tone = SpeechPiece((8000 * np.sin(np.arange(12_000) / 20)).astype(np.int16), 24_000)
    pump = asyncio.create_task(_consume(partner))
    try:
        async with asyncio.timeout(PATIENCE_S):
            text, sound = await asyncio.gather(partner.recite("good morning"), partner.recite(tone))
            assert await partner.recite(" ") is None
    finally:
        pump.cancel()
        await asyncio.wait([pump])
    assert text is not None
    assert sound is not None
    assert not text.interrupted
    assert text.segment < sound.segment
    assert sound.played_s == pytest.approx(0.5, abs=0.04)
    assert partner.waiting == 0


async def check_performer(host: Host) -> None:
    """A performer says what it is given, and gives its place back."""
    with pytest.raises(KeyError):
        await host.perform("nobody of this name")
    taken = host.stats()["sessions"]
    performer = await host.perform(host.avatars()[0].name)
    assert host.stats()["sessions"] == taken + 1
    ends = []
    performer.session.subscribe(ends.append)
    pump = asyncio.create_task(_drain(performer.session))
    async with asyncio.timeout(PATIENCE_S):
        ended = await deliver(performer.session, performer.voice("good morning"))
        assert await deliver(performer.session, performer.voice(" ")) is None
    assert ended is not None
    assert not ended.interrupted
    assert ended in ends
    await performer.aclose()
    await performer.aclose()
    await pump
    assert host.stats()["sessions"] == taken
    await (await host.perform(host.avatars()[0].name)).session.aclose()
    assert host.stats()["sessions"] == taken, "a session that ends leaves its place too"


async def _drain(packets) -> None:
    async for _ in packets:
        pass


async def check_leaving(partner: Partner) -> None:
    """Leaving twice is safe, and ends what the room reads."""
    await partner.aclose()
    await partner.aclose()
    async with asyncio.timeout(PATIENCE_S):
        async for _ in partner.packets():
            pytest.fail("a packet after leaving")
        async for _ in partner.events():
            pass


async def _take(packets, count):
    taken = 0
    async for packet in packets:
        yield packet
        taken += 1
        if taken == count:
            return


async def _consume(partner: Partner) -> None:
    async for _ in partner.packets():
        pass


async def _until_answered(partner: Partner) -> list[Caption]:
    captions: list[Caption] = []
    async for event in partner.events():
        if isinstance(event, Caption):
            captions.append(event)
            if event.who == "avatar" and event.final:
                break
    return captions
