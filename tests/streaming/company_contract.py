"""What every `Company` must do; a test gives a host and takes the whole suite."""

import asyncio

import numpy as np
import pytest

from engine.packets import MEDIA_SAMPLES_PER_FRAME, AVPacket
from streaming.contract import Caption, Company, Guest, Host, RoomEvent
from tests.streaming.rooms import until

PATIENCE_S = 30.0
RATE_HZ = 48_000
LOUD = (9000 * np.sin(np.arange(960) / 20)).astype(np.int16)


async def check_company(host: Host) -> None:
    """Two guests sit down; both of their texts are heard under their names; they leave."""
    with pytest.raises(KeyError):
        await host.gather("nobody of this name")
    taken = host.stats()["sessions"]
    company = await host.gather(host.avatars()[0].name)
    assert host.stats()["sessions"] == taken + 1
    events: list[RoomEvent] = []
    packets: list[AVPacket] = []
    pumps = [asyncio.create_task(_collect(company.events(), events))]
    pumps.append(asyncio.create_task(_collect(company.session, packets)))
    await check_seats(company, events)
    assert all(np.isfinite(value) for value in company.stats().values())
    assert not company.stats().keys() & company.session.stats().keys()
    await company.aclose()
    await company.aclose()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*pumps)
    assert any(np.abs(packet.pcm).max() > 100 for packet in packets), "the avatar was heard"
    assert host.stats()["sessions"] == taken


async def check_seats(company: Company, events: list[RoomEvent]) -> None:
    ann, ben = company.admit(Guest("Ann")), company.admit(Guest("Ben", -1.0))
    for seat in (ann, ben):
        seat.played(np.zeros(MEDIA_SAMPLES_PER_FRAME, np.int16))
        seat.push_audio(np.zeros(960, np.int16), RATE_HZ)
        seat.push_text(" ")
    for count, (name, seat) in enumerate((("Ann", ann), ("Ben", ben)), start=1):
        seat.push_text(f"I am {name}")
        await until(lambda count=count: len(_captions(events, "visitor")) == count)
    await until(lambda: any("Ben" in c.text and c.final for c in _captions(events, "avatar")))
    said = [(caption.speaker, caption.text) for caption in _captions(events, "visitor")]
    assert said == [("Ann", "I am Ann"), ("Ben", "I am Ben")]
    assert {caption.speaker for caption in _captions(events, "avatar")} == {""}
    ann.leave()
    ann.leave()
    ann.played(LOUD)
    ann.push_audio(LOUD, RATE_HZ)
    ann.push_text("gone")
    ann.hold()
    ann.release()
    await asyncio.sleep(0.1)
    assert len(_captions(events, "visitor")) == 2, "who left is not heard"
    ben.leave()


def _captions(events: list[RoomEvent], who: str) -> list[Caption]:
    return [event for event in events if isinstance(event, Caption) and event.who == who]


async def _collect(source, kept: list) -> None:
    async for item in source:
        kept.append(item)  # noqa: PERF401  (what has come is looked at meanwhile)
