"""A session tells when the first motion and the first picture of each utterance are made."""

import pytest

from engine.packets import MEDIA_RATE_HZ
from tests.engine.helpers import open_session, picture_cost, seconds, take, take_until_quiet

pytestmark = pytest.mark.virtual_time


async def test_each_utterance_is_told_once_motion_first():
    made = []
    async with open_session() as session:
        stop = session.watch(lambda stage, segment: made.append((stage, segment)))
        for _ in range(2):
            session.push_audio(seconds(0.5), MEDIA_RATE_HZ)
            session.end_segment()
            await take_until_quiet(session)
        stop()
        stop()
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ)
        session.end_segment()
        await take_until_quiet(session)
    assert made == [("motion", 1), ("picture", 1), ("motion", 2), ("picture", 2)]


async def test_a_slow_picture_is_told_when_it_is_there():
    made = []
    async with open_session(compute=picture_cost(0.03)) as session:
        await take(session, 5)
        session.watch(lambda stage, segment: made.append(stage))
        session.push_audio(seconds(0.2), MEDIA_RATE_HZ)
        assert made == []
        await take(session, 8)
    assert made == ["motion", "picture"]
