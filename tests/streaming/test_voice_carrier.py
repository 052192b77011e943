"""Motion rides on a program's voice as it does on the page's."""

import shutil

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from engine.packets import MEDIA_RATE_HZ
from streaming.clock import OPUS_SAMPLES
from streaming.encoders import VoiceEncoder
from streaming.motion.in_voice import RIDER_MAX_BYTES, split
from streaming.motion.voice_carrier import CarryingEncoder, VoiceCarrier
from streaming.tracks import SoundTrack
from tests.streaming.test_voice_worker import carry

VOICES = strategies.lists(
    strategies.tuples(
        strategies.binary(min_size=1, max_size=60),
        strategies.lists(strategies.binary(min_size=1, max_size=RIDER_MAX_BYTES), max_size=5),
    ),
    min_size=1,
    max_size=6,
)


def load(voices, *, is_lossy=False, late_s=0.0):
    """Return packets of voice, each with the motion that came before it, as Python makes them."""
    carrier = VoiceCarrier()
    carrier.load(b"first", 0.0)
    carrier.note_loss(0.3 if is_lossy else 0.0, 0.0)
    packets, now_s = [], 0.01
    for voice, riders in voices:
        assert all(carrier.ride(rider, now_s) for rider in riders)
        now_s += late_s
        packets.append(carrier.load(voice, now_s))
    return packets


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on the PATH")
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(VOICES, strategies.booleans())
def test_python_and_page_make_the_same_packets(voices, is_lossy):
    made, _ = carry(voices, is_lossy=is_lossy)
    assert load(voices, is_lossy=is_lossy) == made


def test_what_waited_long_or_finds_no_voice_does_not_ride():
    assert split(load([(b"v", [b"a"])], late_s=0.24)[0]) == (b"v", [])
    carrier = VoiceCarrier()
    assert not carrier.ride(b"a", 0.0), "no voice yet"
    carrier.load(b"v", 0.0)
    assert carrier.ride(b"a", 0.1)
    assert not carrier.ride(b"b", 0.3), "the voice has stopped"
    assert not carrier.ride(bytes(256), 0.1)


def test_a_bad_line_is_one_for_some_seconds():
    carrier = VoiceCarrier()
    carrier.load(b"v", 0.0)
    carrier.note_loss(0.1, 0.0)
    rides = []
    for now_s in (7.9, 7.95, 8.1, 8.15):
        carrier.load(b"v", now_s - 0.01)
        carrier.ride(b"a", now_s)
        rides.append(len(split(carrier.load(b"v", now_s))[1]))
        rides.append(len(split(carrier.load(b"v", now_s))[1]))
    assert rides == [1, 1, 1, 1, 1, 0, 1, 0]


async def test_pieces_of_20_ms_become_packets_of_40_that_carry_motion():
    carrier, track = VoiceCarrier(), SoundTrack(500)
    encoder = CarryingEncoder(VoiceEncoder(12, 40), carrier, lambda: 0.0)
    tone = np.round(8000 * np.sin(np.arange(10 * OPUS_SAMPLES) * 0.1)).astype(np.int16)
    track.push(tone[: 5 * OPUS_SAMPLES], 0)
    track.push(tone[5 * OPUS_SAMPLES :], MEDIA_RATE_HZ)  # a second later: a gap
    made = []
    for number in range(10):
        payloads, timestamp = encoder.encode(await track.recv())
        made += [(timestamp, split(payload)[1]) for payload in payloads]
        carrier.ride(b"%d" % number, 0.0)
    assert made == [
        (0, []),
        (1920, [b"1", b"2"]),
        (48_000, [b"3", b"4", b"5"]),
        (49_920, [b"6", b"7"]),
    ]
