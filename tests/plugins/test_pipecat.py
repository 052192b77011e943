"""The Pipecat service in real pipelines, against a real room on fake stages."""

import asyncio

import numpy as np
import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    ErrorFrame,
    InterruptionFrame,
    MetricsFrame,
    OutputImageRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat_visavis import VisavisVideoService

from streaming.fakes import FakeHost
from tests.plugins.faces import running
from tests.plugins.pipelines import bot, ending
from tests.plugins.sounds import RATE_HZ, sounding_s, tone
from tests.streaming.rooms import until

CHUNK_S = 0.04


def open_mouth(picture):
    return (picture < 100).any()


async def test_the_voice_comes_back_with_pictures_and_ends_after_its_last_sound():
    speech = tone(0.6)
    async with running() as (url, host), bot(VisavisVideoService(url=url, picture="rgb")) as it:
        await it.say(speech)
        await it.until_passed(BotStoppedSpeakingFrame, source=it.speaker)
        sound = it.speaker.sound()
        frames = [f for s, f, _ in it.watcher.pushed if s is it.service]
        await ending(it)
    np.testing.assert_array_equal(sound[: len(speech)], speech)
    assert sounding_s(sound) == pytest.approx(0.6, abs=0.01)
    kinds = [type(f) for f in frames if isinstance(f, TTSAudioRawFrame | TTSStoppedFrame)]
    assert kinds.index(TTSStoppedFrame) == len(kinds) - 1
    assert {f.context_id for f in frames if isinstance(f, TTSAudioRawFrame)} == {"one"}
    assert len(it.passed(BotStartedSpeakingFrame, it.speaker)) == 1
    assert any(open_mouth(picture) for _, picture in it.speaker.seen)
    ttfb = [d for f in it.passed(MetricsFrame) for d in f.data if "TTFB" in type(d).__name__ and d.value]
    assert 0 < ttfb[0].value < 1
    assert host.present == 0


async def test_nothing_is_shown_before_the_pipeline_has_started():
    async with running() as (url, _), bot(VisavisVideoService(url=url, picture="rgb")) as it:
        await until(lambda: it.speaker.seen)
        order = [type(f) for s, f, _ in it.watcher.pushed if s is it.service]
    assert order.index(StartFrame) < order.index(OutputImageRawFrame)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
async def test_any_rate_and_stereo_are_taken(rate_hz):
    async with running() as (url, _), bot(VisavisVideoService(url=url)) as it:
        both = np.repeat(tone(0.2, rate_hz), 2).tobytes()
        await it.queue(TTSAudioRawFrame(both, rate_hz, 2, context_id="x"), TTSStoppedFrame(context_id="x"))
        await it.until_passed(TTSStoppedFrame)
        passed = it.passed(TTSAudioRawFrame)
    assert {(f.sample_rate, f.num_channels) for f in passed} == {(RATE_HZ, 1)}
    assert sounding_s(np.frombuffer(b"".join(f.audio for f in passed), "<i2")) == pytest.approx(0.2, abs=0.01)


async def test_words_stay_between_the_sounds_they_stood_between():
    async with running() as (url, _), bot(VisavisVideoService(url=url, picture="rgb")) as it:
        await it.say(tone(0.4), stop=False)
        await it.queue(TTSTextFrame("middle", text_type="word"))
        await it.say(tone(0.4))
        await it.queue(TTSTextFrame("end", text_type="word"))
        await it.until_passed(TTSTextFrame, 2)
    passed = [f for s, f, _ in it.watcher.pushed if s is it.service]
    before = passed[: next(i for i, f in enumerate(passed) if isinstance(f, TTSTextFrame))]
    heard_s = sum(len(f.audio) / 2 / RATE_HZ for f in before if isinstance(f, TTSAudioRawFrame))
    assert heard_s == pytest.approx(0.4, abs=CHUNK_S)
    last = [type(f) for f in passed if isinstance(f, TTSAudioRawFrame | TTSStoppedFrame | TTSTextFrame)][-2:]
    assert last == [TTSStoppedFrame, TTSTextFrame]


async def test_an_interruption_silences_and_the_next_answer_is_heard():
    async with running() as (url, _), bot(VisavisVideoService(url=url)) as it:
        await it.say(tone(5))
        await it.queue(TTSTextFrame("never heard", text_type="word"))
        await it.until_passed(TTSAudioRawFrame, 5)
        await it.queue(InterruptionFrame())
        await it.until_passed(InterruptionFrame)
        sent = len(it.passed(TTSAudioRawFrame))
        silent_since_s = asyncio.get_running_loop().time()
        await asyncio.sleep(0.5)
        assert len(it.passed(TTSAudioRawFrame)) == sent, "nothing more is sent after an interruption"
        heard = sounding_s(it.speaker.sound(silent_since_s))
        assert heard <= 2 * CHUNK_S, "the transport and its device had a chunk each in their hands"
        await it.say(tone(0.2), "two")
        await it.until_passed(TTSStoppedFrame)
    assert [f.context_id for f in it.passed(TTSStoppedFrame)] == ["two"]
    assert it.passed(TTSTextFrame) == []


async def test_what_no_interruption_may_drop_is_passed_on():
    important = TTSTextFrame("keep me", text_type="word")
    important.interruptible = False
    async with running() as (url, _), bot(VisavisVideoService(url=url)) as it:
        await it.say(tone(5))
        await it.queue(important)
        await it.until_passed(TTSAudioRawFrame, 2)
        await it.queue(InterruptionFrame())
        await it.until_passed(TTSTextFrame)
        assert it.passed(TTSTextFrame) == [important]


async def test_speech_that_no_interruption_may_drop_is_said_to_its_end():
    async with running() as (url, _), bot(VisavisVideoService(url=url)) as it:
        frame = TTSAudioRawFrame(tone(0.6).tobytes(), RATE_HZ, 1, context_id="one")
        frame.interruptible = False
        await it.queue(frame, TTSStoppedFrame(context_id="one"))
        await it.until_passed(TTSAudioRawFrame, 4)
        await it.queue(InterruptionFrame())
        await it.until_passed(InterruptionFrame)
        await asyncio.sleep(0.8)
    passed = b"".join(f.audio for f in it.passed(TTSAudioRawFrame))
    assert sounding_s(np.frombuffer(passed, "<i2")) == pytest.approx(0.6, abs=2 * CHUNK_S)


async def test_the_avatar_listens_when_the_user_speaks():
    async with running() as (url, host), bot(VisavisVideoService(url=url)) as it:
        await until(lambda: it.speaker.seen)
        await it.queue(UserStartedSpeakingFrame())
        await it.until_passed(UserStartedSpeakingFrame)
        assert host.present == 1


async def test_without_visavis_the_voice_passes_through():
    speech = tone(0.3)
    service = VisavisVideoService(url="http://127.0.0.1:9")
    async with bot(service) as it:
        await it.say(speech)
        await it.until_passed(TTSStoppedFrame)
        await it.until_passed(BotStoppedSpeakingFrame, source=it.speaker)
        errors = it.passed(ErrorFrame, direction=FrameDirection.UPSTREAM)
    np.testing.assert_array_equal(it.speaker.sound()[: len(speech)], speech)
    assert "no visavis answers" in errors[0].error


async def test_a_refusal_is_told_once_and_the_voice_survives():
    async with running(FakeHost(places=0, size=16)) as (url, _), bot(VisavisVideoService(url=url)) as it:
        await it.say(tone(0.2))
        await it.until_passed(BotStoppedSpeakingFrame, source=it.speaker)
        errors = it.passed(ErrorFrame, direction=FrameDirection.UPSTREAM)
    assert len(errors) == 1
    assert "places are taken" in errors[0].error
    assert sounding_s(it.speaker.sound()) > 0.19 - CHUNK_S


async def test_lost_in_mid_sentence_the_rest_is_said_without():
    speech = tone(1.5)
    async with running() as (url, _):
        service = VisavisVideoService(url=url)
        pipeline = bot(service)
        it = await pipeline.__aenter__()
        await it.say(speech)
        await it.until_passed(TTSAudioRawFrame, 8)
    await it.until_passed(TTSStoppedFrame)
    errors = it.passed(ErrorFrame, direction=FrameDirection.UPSTREAM)
    await it.until_passed(BotStoppedSpeakingFrame, source=it.speaker)
    await pipeline.__aexit__(None, None, None)
    assert "broke" in errors[0].error
    assert sounding_s(it.speaker.sound()) == pytest.approx(1.5, abs=3 * CHUNK_S)


@pytest.mark.parametrize(("synced", "live"), [(True, False), (False, True)])
async def test_lips_and_sound_meet_both_ways(synced, live):
    """The fake mouth opens with loudness, so its opening tells which sound a picture belongs to."""
    pauses = np.zeros(RATE_HZ // 2, np.int16)
    service = {"picture": "rgb", "sync_with_audio": synced}
    async with (
        running() as (url, _),
        bot(VisavisVideoService(url=url, **service), video_out_is_live=live) as it,
    ):
        await until(lambda: it.speaker.seen)
        await it.say(np.concatenate([tone(0.4), pauses, tone(0.4), pauses]))
        await it.until_passed(TTSStoppedFrame)
        await asyncio.sleep(0.3)
    loud = [at_s for at_s, pcm in it.speaker.heard if np.abs(pcm).max() > 1000]
    opened = [at_s for at_s, picture in it.speaker.seen if open_mouth(picture)]
    onset = lambda times, after: next(t for t in times if t > after)  # noqa: E731
    gap = loud[0] + 0.6
    offsets = [opened[0] - loud[0], onset(opened, gap) - onset(loud, gap)]
    assert np.abs(offsets).max() < 0.16, offsets


async def test_ending_waits_for_what_is_being_said():
    async with running() as (url, host), bot(VisavisVideoService(url=url)) as it:
        await it.say(tone(0.5))
        await ending(it)
        assert sounding_s(it.speaker.sound()) == pytest.approx(0.5, abs=0.01)
        await until(lambda: host.present == 0)


async def test_cancelling_leaves_at_once():
    async with running() as (url, host), bot(VisavisVideoService(url=url)) as it:
        await it.say(tone(30))
        await it.until_passed(TTSAudioRawFrame, 3)
        await it.queue(CancelFrame())
        await asyncio.wait_for(asyncio.shield(it.done), 5)
        await until(lambda: host.present == 0)
