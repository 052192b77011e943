"""An avatar for a LiveKit agent: real outputs, tracks and sessions; only the server is a fake.

What LiveKit's own `AvatarRunner` does less well is named in each test.
"""

import asyncio
import json

import numpy as np
import pytest
from livekit import rtc
from livekit.plugins.visavis import MediaOptions

from tests.plugins.agents import AGENT, AVATAR, local, remote
from tests.plugins.sounds import RATE_HZ, sounding_s, tone
from tests.streaming.rooms import until

FADE_S = 0.008
MODES = pytest.mark.parametrize("mode", [remote, local])


def now_s():
    return asyncio.get_running_loop().time()


@MODES
async def test_a_segment_is_heard_whole_and_answered_once(mode):
    speech = tone(0.5)
    async with mode() as stage:
        await stage.say(speech)
        await stage.until_finished()
        await asyncio.sleep(0.2)
        sound = stage.listener.sound()
    first = int(np.argmax(np.abs(sound.astype(int)) > 100))
    np.testing.assert_allclose(
        sound[first : first + 9600], speech[int(np.argmax(np.abs(speech) > 100)) :][:9600]
    )
    assert sounding_s(sound) == pytest.approx(0.5, abs=0.01)
    assert stage.ends == [(False, pytest.approx(0.5, abs=0.001))]
    assert len(stage.started) == 1
    assert {(width, height) for _, width, height in stage.listener.seen} == {(16, 16)}


@MODES
async def test_the_end_is_told_when_the_last_sound_was_heard(mode):
    """`AvatarRunner` tells it about 80 ms early, when the last frame enters a queue of 100 ms."""
    async with mode() as stage:
        for seconds in (0.4, 0.41, 0.43):
            await stage.say(tone(seconds))
            await stage.until_finished(len(stage.finished) + 1)
            await asyncio.sleep(0.1)
            early_s = stage.listener.last_loud_s() - stage.finished[-1][0]
            assert early_s < 0.03, f"{1000 * early_s:.0f} ms before the last sound was heard"


@MODES
async def test_a_clear_leaves_nothing_but_the_fade(mode):
    """After a clear `AvatarRunner` still plays what its queues hold, 105 ms."""
    async with mode() as stage:
        await stage.say(tone(3))
        await stage.listener.until_loud()
        await asyncio.sleep(0.3)
        cleared_s = now_s()
        stage.output.clear_buffer()
        await stage.until_finished()
        answered_s = stage.finished[0][0] - cleared_s
        started = len(stage.started)
        await asyncio.sleep(0.5)
        heard_s = sounding_s(stage.listener.sound())
        assert not np.any(stage.listener.sound(since_s=now_s() - 0.3)), "silence lasts"
    assert answered_s < 1, "the agent gives up after 2 s"
    ((interrupted, position_s),) = stage.ends
    assert interrupted
    assert position_s - 0.1 < heard_s <= position_s + FADE_S + 0.003, "no more than was told, and the fade"
    assert len(stage.started) == started == 1, "`AvatarRunner` tells of a start after the clear"


@MODES
async def test_an_early_clear_is_answered(mode):
    """`AvatarRunner` never answers a clear that comes before it has read anything."""
    async with mode() as stage:
        for count in (1, 2, 3):
            await stage.say(tone(1))
            cleared_s = now_s()
            stage.output.clear_buffer()
            await stage.until_finished(count)
            assert now_s() - cleared_s < 1, "the agent gives up after 2 s"
        await stage.say(tone(0.2))
        await stage.until_finished(4)
        await asyncio.sleep(0.1)
    assert [interrupted for interrupted, _ in stage.ends] == [True, True, True, False]
    assert [position for _, position in stage.ends][:3] == pytest.approx([0, 0, 0], abs=0.1)


@MODES
async def test_every_waiting_segment_is_answered(mode):
    """`DataStreamAudioReceiver` drops the ends of segments together with their sound."""
    async with mode() as stage:
        for _ in range(4):
            await stage.say(tone(0.5))
        await stage.listener.until_loud()
        stage.output.clear_buffer()
        await stage.until_finished(4)
        await asyncio.sleep(0.2)
        await stage.say(tone(0.1))
        await stage.until_finished(5)
    assert [interrupted for interrupted, _ in stage.ends] == [True] * 4 + [False]


@MODES
async def test_sound_leaves_before_100_ms_are_full(mode):
    """`DataStreamAudioReceiver` waits for frames of 100 ms."""
    async with mode() as stage:
        await stage.say(tone(0.09), flush=False)
        async with asyncio.timeout(2):
            await stage.listener.until_loud()
        assert stage.finished == []
        stage.output.flush()
        await stage.until_finished()
    assert stage.ends == [(False, pytest.approx(0.09, abs=0.001))]


async def test_encoding_is_chosen():
    """`AvatarRunner` publishes with the defaults of the SDK."""
    options = MediaOptions(max_video_kbps=900, video_codec="h264", video_encoder="nvenc", simulcast=True)
    async with remote(options) as stage:
        audio, video = stage.room.local_participant.track_publications.values()
    assert (audio.track.name, audio.options.source) == ("avatar_audio", rtc.TrackSource.SOURCE_MICROPHONE)
    assert (video.track.name, video.options.source) == ("avatar_video", rtc.TrackSource.SOURCE_CAMERA)
    assert video.options.video_encoding.max_bitrate == 900_000
    assert video.options.video_encoding.max_framerate == 25
    assert video.options.video_codec == rtc.VideoCodec.H264
    assert video.options.video_encoder == rtc.VideoEncoderBackend.ENCODER_BACKEND_NVENC
    assert video.options.simulcast
    assert (audio.options.dtx, audio.options.audio_encoding.max_bitrate) == (True, 48_000)


async def test_the_calls_are_those_of_the_contract():
    async with remote() as stage:
        await stage.say(tone(0.1))
        await stage.until_finished()
        calls = [(method, payload) for _, method, payload in stage.room.local_participant.calls]
    assert calls[0] == ("lk.playback_started", "")
    assert calls[1][0] == "lk.playback_finished"
    assert json.loads(calls[1][1]) == {"playback_position": pytest.approx(0.1), "interrupted": False}


async def test_an_agent_that_wants_no_starts_gets_none():
    async with remote(wait_playback_start=False) as stage:
        for _ in range(2):
            await stage.say(tone(0.1))
        await stage.until_finished(2)
        methods = [method for _, method, _ in stage.room.local_participant.calls]
    assert methods.count("lk.playback_started") == 1
    assert methods.count("lk.playback_finished") == 2


async def test_only_the_agent_is_obeyed():
    async with remote() as stage:
        stranger = stage.room.server.join("stranger").local_participant
        await stage.say(tone(0.5))
        await stage.listener.until_loud()
        call = {"destination_identity": AVATAR, "method": "lk.clear_buffer", "payload": ""}
        assert await stranger.perform_rpc(**call) == "reject"
        wish = {"sample_rate": str(RATE_HZ), "num_channels": "1"}
        writer = await stranger.stream_bytes(
            "AUDIO_", topic="lk.audio_stream", destination_identities=[AVATAR], attributes=wish
        )
        await writer.write(tone(1).tobytes())
        await stage.until_finished()
    assert stage.ends == [(False, pytest.approx(0.5, abs=0.001))]


async def test_a_clear_before_the_stream_is_answered_and_its_stream_is_silent():
    async with remote() as stage:
        agent = stage.agent_room.local_participant
        assert (
            await agent.perform_rpc(destination_identity=AVATAR, method="lk.clear_buffer", payload="") == "ok"
        )
        calls = stage.room.local_participant.calls
        await until(lambda: calls)
    assert json.loads(calls[0][2]) == {"playback_position": 0.0, "interrupted": True}


async def test_a_stream_that_breaks_ends_its_segment_alone():
    """`DataStreamAudioReceiver` hears nothing more after a broken stream."""
    async with remote() as stage:
        await stage.say(tone(0.2), flush=False)
        stage.output._stream_writer.abort()
        stage.output.flush()
        await stage.until_finished(1)
        await stage.say(tone(0.1))
        await stage.until_finished(2)
    assert stage.ends == [(False, pytest.approx(0.2, abs=0.001)), (False, pytest.approx(0.1, abs=0.001))]


async def test_a_stream_whose_end_was_lost_is_ended_by_the_next():
    async with remote() as stage:
        await stage.say(tone(0.2), flush=False)
        stage.output._stream_writer = None
        await stage.say(tone(0.1))
        await stage.until_finished(1)
        finished = lambda: [m for _, m, _ in stage.room.local_participant.calls if "finished" in m]  # noqa: E731
        await until(lambda: len(finished()) == 2)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
async def test_other_rates_and_two_channels_are_taken(rate_hz):
    async with remote() as stage:
        both = np.repeat(tone(0.2, rate_hz), 2)
        await stage.output.capture_frame(rtc.AudioFrame(both.tobytes(), rate_hz, 2, len(both) // 2))
        stage.output.flush()
        await stage.until_finished()
        await asyncio.sleep(0.05)
        assert sounding_s(stage.listener.sound()) == pytest.approx(0.2, abs=0.01)


@MODES
async def test_no_segment_is_left_without_its_end_when_the_avatar_goes(mode):
    async with mode() as stage:
        await stage.say(tone(2))
        await stage.listener.until_loud()
        await until(lambda: not stage.publisher._open)
        await stage.publisher._face.aclose()
        await until(lambda: stage.finished)
    assert [interrupted for interrupted, _ in stage.ends] == [True]


async def test_the_picture_waits_for_somebody_who_listens_but_not_for_ever():
    from livekit.plugins.visavis import Media

    from tests.plugins.livekit_rooms import FakeServer

    room = FakeServer(subscribes=False).join(AGENT)
    media = Media(room, 16, 16, MediaOptions(subscription_timeout_s=0.1))
    await media.publish()
    assert [p.track.name for p in room.local_participant.track_publications.values()] == [
        "avatar_audio", "avatar_video",
    ]  # fmt: skip
    await media.aclose()
