"""Sound is handed on as it comes, and so is the motion that came with it."""

import hypothesis
import pytest
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from hypothesis import strategies

from streaming.live_voice import NoJitterBuffer, pass_on_at_once
from streaming.motion.errors import MotionStreamError
from streaming.motion.in_voice import RIDER_MAX_BYTES, RIDERS_MAX, join, split

RIDERS = strategies.lists(strategies.binary(min_size=1, max_size=RIDER_MAX_BYTES), max_size=RIDERS_MAX)


def packet(number, payload=b"voice"):
    made = RtpPacket(payload_type=111, sequence_number=number % 65536, timestamp=960 * number, ssrc=1)
    made.payload = made._data = payload
    return made


async def test_aiortc_still_has_the_buffer_that_is_replaced():
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("audio").receiver
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, JitterBuffer)
    pass_on_at_once(receiver)
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, NoJitterBuffer)
    await connection.close()


def test_each_packet_is_a_frame_and_those_overtaken_go():
    buffer = NoJitterBuffer()
    frames = [buffer.add(packet(number))[1] for number in (65534, 65535, 65537, 65536, 65538)]
    assert [frame is not None for frame in frames] == [True, True, True, False, True]
    assert frames[0].data == b"voice"
    assert buffer.overtaken == 1


def test_motion_leaves_the_voice_in_its_order():
    moved = []
    buffer = NoJitterBuffer(moved.append)
    frames = [buffer.add(packet(n, join(b"voice", [b"a%d" % n, b"b%d" % n])))[1] for n in range(2)]
    assert [frame.data for frame in frames] == [b"voice", b"voice"]
    assert moved == [b"a0", b"b0", b"a1", b"b1"]


def test_motion_that_comes_twice_is_taken_once():
    moved = []
    buffer = NoJitterBuffer(moved.append)
    for number, riders in enumerate([[b"a"], [b"a", b"b"], [b"b"]]):
        buffer.add(packet(number, join(b"voice", riders)))
    assert moved == [b"a", b"b"]


def test_a_voice_that_carries_nothing_readable_is_counted_and_let_go():
    buffer = NoJitterBuffer(lambda _: None)
    assert buffer.add(packet(0, b"\xff")) == (False, None)
    assert buffer.add(packet(1, b"\x00"))[1] is None, "no voice in it"
    assert buffer.refused == 1


def test_times_are_told_as_the_frames_count_them():
    buffer = NoJitterBuffer()
    assert buffer.since_begin_s(5.0) is None
    last = packet(0)
    last.timestamp = 2**32 - 48_000
    buffer.add(last)
    assert buffer.since_begin_s((2**32 - 24_000) / 48_000) == pytest.approx(0.5)
    assert buffer.since_begin_s(0.5) == pytest.approx(1.5), "RTP's count has gone round"
    assert buffer.since_begin_s((2**32 - 96_000) / 48_000) == pytest.approx(-1.0)


@hypothesis.given(strategies.binary(max_size=200), RIDERS)
def test_what_is_joined_is_split_again(voice, riders):
    assert split(join(voice, riders)) == (voice, riders)


@hypothesis.given(strategies.binary(max_size=40))
def test_any_bytes_are_split_or_refused(payload):
    try:
        voice, riders = split(payload)
    except MotionStreamError:
        return
    assert join(voice, riders) == payload


@pytest.mark.parametrize("riders", [[b""], [bytes(256)], [b"x"] * 4])
def test_what_cannot_ride_is_refused(riders):
    with pytest.raises(ValueError, match="at most"):
        join(b"voice", riders)
