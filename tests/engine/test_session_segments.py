import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import virtual_time
from engine.packets import MEDIA_RATE_HZ, SegmentFinished, SegmentStarted
from tests.engine.helpers import (
    Events,
    noise,
    open_session,
    picture_cost,
    seconds,
    sound,
    take,
    take_until_quiet,
)

pytestmark = pytest.mark.virtual_time


async def test_one_start_and_one_end():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(0.5), MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take_until_quiet(session)
    assert events.all == [SegmentStarted(1), SegmentFinished(1, 0.5, interrupted=False)]
    assert [p.finished for p in packets if p.finished] == [(events.finished[0],)]
    assert next(p for p in packets if p.finished).segment == 1


async def test_the_end_may_come_after_the_last_sample():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(0.2), MEDIA_RATE_HZ)
        await take(session, 20)
        assert not events.finished
        session.end_segment()
        packet = await anext(session)
    assert events.finished == [SegmentFinished(1, 0.2, interrupted=False)]
    assert packet.finished == (events.finished[0],)


async def test_an_utterance_without_sound_is_finished_too():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(noise(0), MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take(session, 3)
    assert events.all == [SegmentFinished(1, 0.0, interrupted=False)]
    assert packets[0].finished == (events.finished[0],)


async def test_an_utterance_without_sound_waits_its_turn():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(0.2), MEDIA_RATE_HZ)
        session.end_segment()
        session.push_audio(noise(0), MEDIA_RATE_HZ)
        session.end_segment()
        session.push_audio(seconds(0.1), MEDIA_RATE_HZ)
        session.end_segment()
        await take_until_quiet(session)
    assert [event.segment for event in events.finished] == [1, 2, 3]


async def test_ending_nothing_does_nothing():
    async with open_session() as session:
        events = Events(session)
        session.end_segment()
        session.push_audio(seconds(0.1), MEDIA_RATE_HZ)
        session.end_segment()
        session.end_segment()
        await take_until_quiet(session)
    assert len(events.finished) == 1


async def test_clear_before_any_sound_was_played():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        session.clear()
        assert events.all == [SegmentFinished(1, 0.0, interrupted=True)]
        packets = await take(session, 10)
    assert packets[0].finished == (events.finished[0],)
    assert not sound(packets).any()
    assert len(events.all) == 1


async def test_clear_answers_at_once_with_what_was_played():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        session.end_segment()
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        packets = await take(session, 11)
        session.clear()
        spoken = sum(packet.segment == 1 for packet in packets)
        assert events.finished == [
            SegmentFinished(1, pytest.approx(spoken * 0.04), interrupted=True),
            SegmentFinished(2, 0.0, interrupted=True),
        ]
        assert (await anext(session)).finished == tuple(events.finished)


async def test_clear_twice_finishes_once():
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        await take(session, 5)
        session.clear()
        session.clear()
        await take(session, 5)
        session.clear()
    assert len(events.finished) == 1


async def test_clear_in_silence_does_nothing():
    async with open_session() as session:
        events = Events(session)
        await take(session, 5)
        session.clear()
        await take(session, 5)
        assert session.stats()["dropped_frames"] == 0
    assert events.all == []


async def test_closing_mid_speech_interrupts():
    session = open_session()
    events = Events(session)
    session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
    await take(session, 6)
    await session.aclose()
    await session.aclose()
    assert [(event.segment, event.interrupted) for event in events.finished] == [(1, True)]
    with pytest.raises(StopAsyncIteration):
        await anext(session)


async def test_closing_wakes_the_consumer():
    session = open_session(compute=picture_cost(1000.0))

    async def consume():
        return [packet async for packet in session]

    consumer = asyncio.create_task(consume())
    await asyncio.sleep(0.1)
    await session.aclose()
    async with asyncio.timeout(1):
        assert await consumer == []


async def test_speech_goes_on_after_an_interruption():
    pcm = seconds(0.2, seed=5)
    async with open_session() as session:
        events = Events(session)
        session.push_audio(seconds(1.0), MEDIA_RATE_HZ)
        await take(session, 6)
        session.clear()
        await take(session, 2)
        session.push_audio(pcm, MEDIA_RATE_HZ)
        session.end_segment()
        packets = await take_until_quiet(session)
    np.testing.assert_array_equal(sound([p for p in packets if p.segment == 2]), pcm)
    assert [event.segment for event in events.finished] == [1, 2]


async def test_a_failing_subscriber_keeps_nobody_else_from_hearing(caplog):
    async with open_session() as session:
        session.subscribe(lambda event: 1 / 0)
        events = Events(session)
        session.push_audio(seconds(0.1), MEDIA_RATE_HZ)
        session.end_segment()
        await take_until_quiet(session)
    assert len(events.all) == 2
    assert "ZeroDivisionError" in caplog.text


async def test_unsubscribing_stops_it():
    async with open_session() as session:
        events = Events(session)
        events.unsubscribe()
        events.unsubscribe()
        session.push_audio(seconds(0.1), MEDIA_RATE_HZ)
        session.end_segment()
        await take_until_quiet(session)
    assert events.all == []


async def test_a_second_consumer_is_refused():
    async with open_session() as session:
        waiting = asyncio.create_task(anext(session))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one consumer"):
            await anext(session)
        await waiting


ACTS = st.one_of(
    st.tuples(st.just("push"), st.integers(0, 5000)),
    st.tuples(st.just("end"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("take"), st.integers(1, 12)),
    st.tuples(st.just("stall"), st.integers(1, 900)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ACTS, max_size=25),
    st.integers(1, 8),
    st.integers(1, 4),
    st.sampled_from([8_000, 22_050, 24_000]),
    st.sampled_from([0.0, 0.03, 0.06]),
    st.sampled_from(["live", "free"]),
)
def test_any_script_of_acts_keeps_the_books(acts, chunk, lead, rate, picture_s, pacing):
    virtual_time.run(_play(acts, rate, picture_s, chunk_frames=chunk, lead_frames=lead, pacing=pacing))


async def _play(acts, rate, picture_s, **config):
    session = open_session(compute=picture_cost(picture_s), fade_ms=0.0, **config)
    events, packets = Events(session), []
    for act, amount in acts:
        if act == "push":
            session.push_audio(noise(amount, amount), rate)
        elif act == "take":
            packets += await take(session, amount)
        elif act == "stall":
            await asyncio.sleep(amount / 1000)
        else:
            session.end_segment() if act == "end" else session.clear()
    session.end_segment()
    packets += await take_until_quiet(session)
    stats = session.stats()
    await session.aclose()
    _check_books(acts, packets, events, stats)


def _check_books(acts, packets, events, stats):
    numbers = [event.segment for event in events.finished]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == _utterances(acts)
    assert [event.segment for event in events.started] == sorted({e.segment for e in events.started})
    assert [event for packet in packets for event in packet.finished] == events.finished
    played_samples = round(sum(event.played_s for event in events.finished) * MEDIA_RATE_HZ)
    # Resampled noise crosses zero now and then; what is not zero was played.
    nonzero = np.count_nonzero(sound(packets))
    assert 0.99 * played_samples - 1 <= nonzero <= played_samples
    indices = [packet.index for packet in packets]
    assert indices == sorted(set(indices))
    assert indices[-1] + 1 == len(indices) + stats["skipped_frames"]
    assert stats["speech_waiting_s"] == 0


def _utterances(acts):
    """Count how many utterances these acts open."""
    count, is_open = 0, False
    for act, _ in acts:
        if act == "push" and not is_open:
            count, is_open = count + 1, True
        elif act in ("end", "clear"):
            is_open = False
    return count
