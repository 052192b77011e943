"""The motion codec: what goes in comes out, cut anyhow; any bytes are read or refused."""

import itertools
import json
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from models.motion.frame import EXPRESSION_INDEX, MOTION_SIZE, MotionFrame
from streaming.motion import reading
from streaming.motion.channels import HIGHEST, IS_WEIGHT, LOWEST, step_sizes, to_units
from streaming.motion.coder import EVEN, MASK, BitWriter
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.errors import MotionStreamError, MotionVersionError
from streaming.motion.packet import PACKET_MAX_BYTES, read_packet
from tests.streaming import motion_samples as samples


def received(packets, first_tick=0):
    """Return the frames of packets by tick."""
    frames = {}
    for packet in map(read_packet, packets):
        for after, row in packet.timed()[packet.header.echoes :]:
            frames[(packet.header.tick + after - first_tick) % 65_536] = row
    return frames


@settings(max_examples=300, deadline=None)
@given(bits=strategies.lists(strategies.tuples(strategies.integers(0, 4), strategies.integers(0, 1))))
def test_bits_come_back(bits):
    chances = [32, 2000, EVEN, 60_000, 65_504]
    writer, learning = BitWriter(), chances.copy()
    for index, bit in bits:
        writer.bit(learning, index, bit)
        writer.plain(bit)
    written, learned = writer.finish(), np.array(chances, np.int64)
    data = np.frombuffer(written or b"\0", np.uint8)
    state = np.array([MASK, int.from_bytes(written[:4].ljust(4, b"\0")), 4], np.int64)
    read = [(reading._bit(state, data, learned, i), reading._plain(state, data)) for i, _ in bits]
    assert read == [(b, b) for _, b in bits]
    assert list(learned) == learning
    assert state[2] >= len(written), "nothing is left"


def test_likely_bits_cost_little():
    writer, chances = BitWriter(), [65_000]
    for _ in range(1000):
        writer.bit(chances, 0, 0)
    assert len(writer.finish()) <= 2


@pytest.mark.parametrize("kind", samples.KINDS)
@pytest.mark.parametrize("quality", [0, 6, 15])
def test_frames_come_back_within_a_step(kind, quality, unchecked):
    motion = samples.sample(kind, 16, np.random.default_rng(quality))
    config = MotionConfig(finest=quality, coarsest=quality, target_bps=1_000_000, still_ticks=99)
    frames = received(samples.send(config, 0, motion))
    apart = np.abs(to_units(np.stack([frames[tick] for tick in range(16)])) - to_units(motion))
    assert (apart <= np.array(step_sizes(quality))).all()


def test_lips_are_kept_finer_than_brows():
    steps = step_sizes(6)
    jaw, brow = (steps[EXPRESSION_INDEX[name]] for name in ("jawOpen", "browInnerUp"))
    assert jaw * 2 < brow


def test_chunked_equals_whole(unchecked):
    random = np.random.default_rng(3)
    motion = np.concatenate([samples.sample(kind, 41, random) for kind in ("smooth", "still", "sparse")])
    encoder = MotionEncoder(MotionConfig(target_bps=5000))
    state, packets, at = encoder.init_state(65_500), [], 0
    while at < len(motion):
        size = int(random.integers(0, 8))
        more, state = encoder.step(motion[at : at + size], state)
        packets, at = packets + more, at + size
    assert packets + encoder.flush(state)[0] == samples.send(MotionConfig(target_bps=5000), 65_500, motion)


def test_every_packet_stands_alone(unchecked):
    """A packet says the same, whatever came before it."""
    motion = samples.sample("smooth", 40, np.random.default_rng(5))
    config = MotionConfig(target_bps=1_000_000)
    frames = received(samples.send(config, 0, motion))
    late = received(samples.send(config, 0, np.concatenate([1 - motion[:8], motion[8:]])))
    assert all(np.array_equal(frames[tick], late[tick]) for tick in range(8, 40))
    assert not np.array_equal(frames[7], late[7])


def test_echoes_repeat_the_past_coarsely(unchecked):
    motion = samples.sample("smooth", 12, np.random.default_rng(5))
    packets = samples.send(MotionConfig(echoes=4, target_bps=100_000), 0, motion)
    past = dict(read_packet(packets[-1]).timed()[:4])
    assert sorted(past) == [-8, -6, -4, -2]
    coarse = np.array(step_sizes(9))
    for after, row in past.items():
        assert (np.abs(to_units(row[None]) - to_units(motion[8 + after][None])) <= coarse).all()


def test_the_still_are_not_sent(unchecked):
    motion = np.repeat(MotionFrame.named({"mouthSmile": 0.4}).vector()[None], 250, 0)
    motion[200:, EXPRESSION_INDEX["jawOpen"]] = 0.5
    packets = [read_packet(packet) for packet in samples.send(MotionConfig(), 0, motion)]
    held = [packet for packet in packets if packet.header.holds]
    assert [packet.header.tick for packet in held[:4]] == [12, 13, 37, 62]
    moved = next(packet for packet in packets if packet.header.tick >= 100 and not packet.header.holds)
    assert moved.header.tick == 200
    assert sum(1 for packet in packets if packet.header.tick < 200) < 14


def test_a_packet_of_motion_is_small(unchecked):
    """Some tens of bytes at the default quality; a lost table would double it."""
    sizes = [len(packet) for packet in samples.send(MotionConfig(), 0, samples.talking(4.0))]
    assert np.mean(sizes) < 75


@pytest.mark.parametrize("target_bps", [1000, 2000, 4000])
def test_the_target_is_kept(target_bps, unchecked):
    config = MotionConfig(target_bps=target_bps, overhead_bytes=0, finest=0, coarsest=12)
    packets = samples.send(config, 0, samples.talking(30.0))
    settled = [len(packet) for packet in packets if read_packet(packet).header.tick >= 125]
    assert 0.8 * target_bps < 8 * sum(settled) / 25 < 1.05 * target_bps


def test_rare_frames_keep_their_distance(unchecked):
    config = MotionConfig(target_bps=600, overhead_bytes=0, echoes=0)
    packets = [read_packet(packet).header for packet in samples.send(config, 0, samples.talking(12.0))]
    assert {packet.stride for packet in packets} > {1, 2}
    for packet, following in itertools.pairwise(packets[:-1]):
        assert following.tick == packet.tick + packet.frames * packet.stride


def test_what_is_not_asked_for_stays_at_rest(unchecked):
    motion = samples.sample("noise", 4, np.random.default_rng(0))
    frames = received(samples.send(MotionConfig(parts=("face",), target_bps=1_000_000), 0, motion))
    assert not any(row[52:].any() for row in frames.values())
    assert all(row[:52].any() for row in frames.values())


def test_other_versions_are_refused_with_a_message():
    packet = samples.send(MotionConfig(), 0, np.zeros((4, MOTION_SIZE), np.float32))[0]
    with pytest.raises(MotionVersionError, match="version 3; this end speaks version 1"):
        read_packet(bytes([0x30 | packet[0] & 15]) + packet[1:])


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (b"", "empty"),
        (b"\x10\0\0", "3 bytes"),
        (b"\x10" + bytes(PACKET_MAX_BYTES), "4097 bytes"),
        (b"\x14\0\0\0\0\0", "does not know"),
        (b"\x10\0\0\0\x05\0", "does not know"),
        (b"\x10\0\0\0\0\x08", "does not know"),
        (b"\x10\0\0\0\0\0\0", "goes on"),
        (b"\x10\0\0\0\0\0" + b"\xff" * 9, "no writer"),
    ],
)
def test_what_is_no_packet_is_refused(packet, told):
    with pytest.raises(MotionStreamError, match=told):
        read_packet(packet)


@settings(max_examples=1500, deadline=2000)
@given(header=strategies.binary(min_size=6, max_size=6), rest=strategies.binary(max_size=600))
def test_any_bytes_are_read_or_refused(header, rest):
    for packet in (header + rest, samples.plausible(header, rest)):
        try:
            read = read_packet(packet)
        except MotionStreamError:
            continue
        assert 1 <= len(read.frames) <= 16
        assert np.isfinite(read.frames).all()
        assert np.isfinite(read.echoes).all()
        assert (to_units(read.frames) >= LOWEST).all()
        assert (to_units(read.frames) <= HIGHEST).all()
        assert (read.frames[:, list(IS_WEIGHT)] <= 1).all()


def test_the_longest_packet_is_bounded():
    """The worst bytes found, and the worst motion: neither takes long nor is longer than allowed."""
    begin_s = time.process_time()
    for filler in (b"\x55", b"\xaa", b"\xfe", b"\x80", b"\x01"):
        samples.read_here(b"\x10\0\0\0\xf0\x07" + filler * (PACKET_MAX_BYTES - 6))
    motion = np.where(np.arange(32)[:, None] % 2, 9, -9) * np.ones(MOTION_SIZE)
    config = MotionConfig(packet_ticks=16, echoes=7, finest=0, coarsest=0, target_bps=1_000_000)
    packets = samples.send(config, 0, motion.astype(np.float32))
    assert max(map(len, packets)) <= PACKET_MAX_BYTES
    assert len(received(packets)) == 32
    assert time.process_time() - begin_s < 5


def test_vectors_are_reproduced(unchecked):
    """docs/motion-stream-vectors.json holds what a third implementation is checked with."""
    for vector in json.loads(samples.VECTORS.read_text()):
        config, packets = MotionConfig(**vector["config"]), [bytes.fromhex(p) for p in vector["packets"]]
        scale = np.where(IS_WEIGHT, 1024, 2048)
        motion = np.repeat(np.array(vector["units"]) / scale, vector["repeat"], 0).astype(np.float32)
        assert samples.send(config, vector["tick"], motion) == packets
        for packet, expected in zip(packets, vector["read"], strict=True):
            rows = [row for _, row in read_packet(packet).timed()]
            assert to_units(np.stack(rows)).tolist() == expected
