"""A program in a room's call: what it sees and says at one moment is shown and heard at one moment."""

import asyncio

import numpy as np
import pytest

from models.motion.frame import MotionFrame
from streaming.calls.room_end import RoomEnd
from streaming.fakes import FakeHost
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from tests.streaming.callers import calling
from tests.streaming.rooms import open_room, until

pytestmark = pytest.mark.usefixtures("unchecked")

LATE_S = 0.15
"""So much longer does looking take than hearing."""
VOICE_BEGINS_S = 0.5


async def talk(end):
    """Send voice as it is said, and motion as much later as looking takes; the voice begins later."""
    loop, encoder = asyncio.get_running_loop(), MotionEncoder(MotionConfig(packet_ticks=1))
    begin_s, state = loop.time(), encoder.init_state()
    for number in range(10_000):
        at_s = 0.02 * number
        await asyncio.sleep(max(0.0, begin_s + at_s + 0.02 - loop.time()))
        if at_s >= VOICE_BEGINS_S:
            end.send_voice(np.full(320, 3000, np.int16), 16_000, at_s)
        tick = number // 2
        if number % 2 == 0:
            jaw = 0.5 + 0.5 * np.sin(tick)
            frame = MotionFrame.named({"jawOpen": float(jaw)}).vector()
            packets, state = encoder.step(frame[None], state)
            for packet in packets:
                loop.call_later(LATE_S, end.send_motion, packet)


async def test_the_room_knows_by_how_much_motion_comes_later_than_the_voice():
    async with open_room(FakeHost(size=64)) as room, calling(room, who="Ben") as ben:
        link = f"{str(room.http.base_url).rstrip('/')}/?call=home"
        end = await RoomEnd.join(link, avatar=None, key="", name="Ann")
        talking = asyncio.create_task(talk(end))

        def lags():
            told = [event["values"] for event in ben.events if event["kind"] == "stats"]
            return [values["motion_lag_ms"] for values in told if values.get("motion_lag_ms")]

        try:
            await until(lambda: len(lags()) >= 2)
        finally:
            talking.cancel()
            await asyncio.wait([talking])
            await end.aclose()
    assert lags()[-1] == pytest.approx(1000 * LATE_S, abs=30)
