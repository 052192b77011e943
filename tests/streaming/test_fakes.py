"""The fakes keep the contract, and are lively enough to test with."""

import asyncio

import numpy as np
import pytest

from streaming.contract import AvatarRejectedError, Progress, RoomFullError
from streaming.fake_face import FakeFace
from streaming.fakes import EVENTS_MAX, FakeHost, FakePartner
from tests.streaming.company_contract import check_company
from tests.streaming.host_contract import check_host


@pytest.mark.virtual_time
async def test_the_fake_host_keeps_the_contract():
    await check_host(FakeHost(size=64))


@pytest.mark.virtual_time
async def test_packets_are_paced_in_real_time():
    partner = FakePartner(size=16)
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    async for packet in partner.packets():
        if packet.index == 100:
            break
    assert loop.time() - start_s == pytest.approx(4.0, abs=0.041)


@pytest.mark.virtual_time
async def test_a_new_turn_interrupts_and_is_finished_once():
    partner = FakePartner(size=16)
    finished = []
    partner.push_text("a long story that goes on and on")
    async for packet in partner.packets():
        finished += packet.finished
        if packet.index == 20:
            partner.push_text("stop")
        if packet.index == 100:
            break
    assert [(end.segment, end.interrupted) for end in finished] == [(1, True), (2, False)]
    assert finished[0].played_s < finished[1].played_s < 2


async def test_places_run_out_and_come_back():
    host = FakeHost(places=1, size=16)
    partner = await host.welcome("vera")
    with pytest.raises(RoomFullError, match="1 places"):
        await host.welcome("vera")
    await partner.aclose()
    await host.welcome("vera")
    await host.aclose()


async def test_events_nobody_reads_are_bounded_and_counted():
    partner = FakePartner(size=16)
    for _ in range(EVENTS_MAX):
        partner.push_text("hello")
    stats = partner.stats()
    assert stats["events_waiting"] == EVENTS_MAX
    assert stats["partner_events_dropped"] > 0


async def test_a_photo_becomes_an_avatar_and_a_text_does_not():
    host = FakeHost(size=16, step_s=0)
    steps = [step async for step in host.create_avatar("ada", b"\xff\xd8...")]
    assert steps[-1] == Progress("Done", 1.0)
    assert [card.name for card in host.avatars()] == ["vera", "ada"]
    with pytest.raises(AvatarRejectedError):
        await anext(host.create_avatar("text", b"plain text"))
    await host.aclose()


def test_the_face_moves_and_opens_its_mouth():
    face = FakeFace(size=128)
    shut, open_, later = face.draw(1.0, 0.0), face.draw(1.0, 1.0), face.draw(2.0, 0.0)
    changed = np.abs(shut.astype(int) - open_).max(axis=2) > 10
    assert changed.any()
    assert np.flatnonzero(changed.any(axis=1)).min() > 64, "the mouth is in the lower half"
    assert (shut != later).any()


async def test_the_fake_company_keeps_the_contract():
    host = FakeHost(size=64)
    await check_company(host)
    await host.aclose()
