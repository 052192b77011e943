"""Sending a call from a program: what is seen and heard goes out, at its own times."""

import asyncio

import numpy as np
import pytest

from agent.calling.line import open_end
from agent.calling.send import send
from agent.calling.source import Moment, SourceError, in_time, read_file
from agent.config import ConfigError
from engine.clock import LoopClock
from engine.compute import InlineCompute
from engine.portrayal import Portrayal
from models.motion.frame import EXPRESSION_INDEX
from models.motion.stage import StillMotion
from models.picture import BoxPicture
from models.tracking.tracker import FakeTracker
from streaming.calls.broker_end import BrokerEnd
from streaming.calls.caller import Caller
from streaming.calls.voice import CallVoice
from streaming.contract import AvatarCard, Person
from streaming.motion.called import CalledMotion, How
from streaming.motion.fake_carrier import FakeCarrier
from streaming.motion.packet import read_packet

JAW = EXPRESSION_INDEX["jawOpen"]


def moments(seconds, seen):
    """A camera of 30 pictures a second, bright while the mouth is open and dark while nobody is there."""
    for number in range(round(30 * seconds)):
        at_s = number / 30
        grey = round(255 * seen(at_s))
        yield Moment(at_s, picture=np.full((16, 16, 3), grey, np.uint8))
        yield Moment(at_s, pcm=np.full(533, 1000, np.int16), rate_hz=16_000)


async def call(seconds, seen):
    a, b = FakeCarrier.pair()
    one, other = BrokerEnd(a), BrokerEnd(b)
    sent = await send(in_time(moments(seconds, seen), is_live=False), FakeTracker(), one)
    await one.aclose()
    moved = [read_packet(packet) async for packet in other.motions()]
    heard = [piece async for piece in other.voices()]
    await other.aclose()
    return sent, moved, heard


async def test_what_is_seen_and_heard_is_sent_at_its_time():
    sent, moved, heard = await call(1.6, lambda at_s: 0.5 + 0.4 * np.sin(8 * at_s))
    assert sent.tracked > 20
    jaws = {
        packet.header.tick + after: float(row[JAW])
        for packet in moved
        for after, row in packet.timed()
        if after >= 0
    }
    assert sorted(jaws)[-1] >= 34
    late = [abs(jaws[tick] - (0.5 + 0.4 * np.sin(8 * tick / 25))) for tick in jaws]
    assert np.median(late) < 0.12
    assert heard[0].at_s == 0
    assert len(heard) >= 24


async def test_a_camera_without_a_microphone_is_drawn_all_the_same():
    def silent():
        return (moment for moment in moments(2.4, lambda at_s: 0.9) if moment.pcm is None)

    a, b = FakeCarrier.pair()
    one, other = BrokerEnd(a), BrokerEnd(b)
    voice, motion = CallVoice(is_tied=other.is_tied), CalledMotion(StillMotion())
    caller = Caller(Person("Ann", "ann", "Ann", ""), AvatarCard("ann", "Ann", ""), voice)
    caller.motion_taps.append(motion.push)

    async def take():
        async for packet in other.motions():
            caller.push_motion(packet)

    taking = asyncio.create_task(take())
    sending = asyncio.create_task(send(in_time(silent(), is_live=False), FakeTracker(), one))
    drawn = []
    async with Portrayal(
        voice, motion, BoxPicture(), clock=LoopClock(), compute=InlineCompute()
    ) as portrayal:
        async for packet in portrayal:
            drawn.append((motion.how, (packet.picture == 20).any(), np.abs(packet.pcm).max()))
            if sending.done():
                break
    assert (How.TRACKED, True, 0) in drawn[20:]
    assert [how for how, _, _ in drawn[25:50]] == [How.TRACKED] * 25
    await one.aclose()
    await other.aclose()
    await taking


async def test_who_leaves_the_picture_sends_no_motion_and_goes_on_talking():
    sent, moved, heard = await call(1.6, lambda at_s: 0.5 if at_s < 0.6 else 0.0)
    last = max(p.header.tick + (p.header.frames - 1) * p.header.stride for p in moved)
    assert 10 < last < 28, "a moment is held, then nothing is sent"
    assert sent.tracked < sent.pictures
    assert heard[-1].at_s > 1.3


async def test_a_source_that_breaks_says_so():
    def broken():
        yield Moment(0.0, pcm=np.zeros(10, np.int16), rate_hz=16_000)
        raise SourceError("the camera was unplugged")

    coming = in_time(broken(), is_live=False)
    assert (await anext(coming)).at_s == 0
    with pytest.raises(SourceError, match="unplugged"):
        await anext(coming)


def test_no_video_is_no_video(tmp_path):
    (tmp_path / "words.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"words\.mp4"):
        next(read_file(tmp_path / "words.mp4"))


@pytest.mark.parametrize("via", ["ftp://x/y", "supper", "mqtt://host/supper", "mqtt:///supper?peer=ben"])
async def test_what_is_no_link_is_told(via):
    with pytest.raises(ConfigError, match="mqtts://BROKER"):
        await open_end(via, name="anna")
