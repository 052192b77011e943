"""Encoders: what they make can be decoded, follows the target, and really is what aiortc uses."""

import threading
from fractions import Fraction

import numpy as np
import pytest
from aiortc.codecs import get_decoder
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av import AudioFrame, VideoFrame

from engine.packets import MEDIA_RATE_HZ
from streaming.bitrate import BitrateGovernor
from streaming.clock import PICTURE_TIME_BASE
from streaming.config import RoomConfig, VideoBitrate
from streaming.encoders import PictureEncoder, VoiceEncoder
from streaming.fake_face import FakeFace
from streaming.fakes import FakeHost
from tests.streaming.rooms import open_room, until, visiting

DEPAYLOAD = {"VP8": vp8_depayload, "H264": h264_depayload}


def _frame(picture: np.ndarray, number: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = 3600 * number, PICTURE_TIME_BASE
    return frame


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_pictures_survive_the_way(codec):
    encoder, face = PictureEncoder(codec, VideoBitrate()), FakeFace(size=256)
    decoder = get_decoder(RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000))
    decoded = []
    for number in range(30):
        payloads, timestamp = encoder.encode(_frame(face.draw(number / 25, 0.5), number))
        assert timestamp == 3600 * number
        assert max(map(len, payloads)) <= 1300
        data = b"".join(map(DEPAYLOAD[codec], payloads))
        decoded += decoder.decode(JitterFrame(data=data, timestamp=timestamp))
    shown = decoded[-1].to_ndarray(format="rgb24").astype(float)
    truth = face.draw((len(decoded) - 1) / 25, 0.5)
    assert 10 * np.log10(255**2 / np.mean((shown - truth) ** 2)) > 30, "decibels"
    assert encoder.rebuilds == 1


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_key_frame_comes_when_asked_for(codec):
    encoder, picture = PictureEncoder(codec, VideoBitrate()), FakeFace(size=256).draw(0, 0)
    sizes = [
        sum(map(len, encoder.encode(_frame(picture, number), force_keyframe=number == 15)[0]))
        for number in range(20)
    ]
    assert sizes[15] > 5 * max(sizes[10:15])


def test_voice_is_one_payload_each_20_ms_on_a_48_khz_clock():
    encoder = VoiceEncoder(48)
    decoder = get_decoder(RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48_000, channels=2))
    heard = []
    for number in range(50):
        time_s = (480 * number + np.arange(480)) / MEDIA_RATE_HZ
        pcm = (8000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = (
            MEDIA_RATE_HZ,
            480 * number,
            Fraction(1, MEDIA_RATE_HZ),
        )
        payloads, timestamp = encoder.encode(frame)
        assert (len(payloads), timestamp) == (1, 960 * number)
        heard += decoder.decode(JitterFrame(data=payloads[0], timestamp=timestamp))
    sound = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in heard]).astype(float)[9600:]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.fft.rfftfreq(len(sound), 1 / 48_000)[spectrum.argmax()] == pytest.approx(440, abs=3)


async def test_voice_is_encoded_in_the_event_loop(monkeypatch):
    """Where it does not wait for a thread. Fails when aiortc asks for its frames in another way."""
    threads, encode = set(), VoiceEncoder.encode

    def noted(self, frame, force_keyframe=False):
        threads.add(threading.get_ident())
        return encode(self, frame, force_keyframe)

    monkeypatch.setattr(VoiceEncoder, "encode", noted)
    async with open_room(FakeHost(size=64), RoomConfig()) as room, visiting(room) as visitor:
        await visitor.take("audio", 3)
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_room_encodes_with_these_and_with_the_wanted_codec(codec):
    config = RoomConfig(video_codec=codec, stats_interval_s=0.1)
    async with open_room(FakeHost(size=64), config) as room, visiting(room) as visitor:
        await visitor.take("video", 3)
        await until(lambda: any(event["kind"] == "stats" for event in visitor.events))
        (name,) = {t._codecs[0].name for t in visitor.pc.getTransceivers() if t.kind == "video"}
    stats = [event["values"] for event in visitor.events if event["kind"] == "stats"][-1]
    assert name == codec
    assert stats["video_encoders"] >= 1


def test_an_estimate_below_the_target_cuts_it_at_once():
    governor = BitrateGovernor(VideoBitrate(min_kbps=400, start_kbps=1000, max_kbps=2000))
    assert governor.update(600_000, sent_bps=900_000, now_s=1) == 600_000
    assert governor.update(100_000, sent_bps=600_000, now_s=2) == 400_000


def test_an_estimate_that_only_mirrors_what_is_sent_changes_nothing():
    governor = BitrateGovernor(VideoBitrate())
    assert governor.update(450_000, sent_bps=300_000, now_s=1) == 1_200_000


def test_rises_wait_and_small_changes_are_ignored():
    governor = BitrateGovernor(VideoBitrate(start_kbps=1200, max_kbps=2500))
    assert governor.update(9_000_000, sent_bps=1_000_000, now_s=1) == 1_200_000
    assert governor.update(1_300_000, sent_bps=1_200_000, now_s=6) == 1_200_000
    assert governor.update(9_000_000, sent_bps=1_200_000, now_s=6) == 2_500_000


def test_a_new_target_makes_a_new_encoder():
    encoder, picture = PictureEncoder("VP8", VideoBitrate()), FakeFace(size=64).draw(0, 0)
    encoder.encode(_frame(picture, 0))
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for number in range(1, 20):
        encoder.encode(_frame(np.roll(noise, number, axis=0), number))
    encoder.target_bitrate = 100_000
    encoder.encode(_frame(picture, 20))
    assert encoder.target_bitrate == 500_000
    assert encoder.rebuilds == 2
