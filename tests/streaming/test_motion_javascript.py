"""The JavaScript codec makes the same bytes and reads the same frames as the Python one, bit for bit."""

import shutil

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from streaming.motion.config import MotionConfig
from streaming.motion.packet import read_packet
from tests.streaming import motion_samples as samples

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node on the PATH")


@pytest.fixture(scope="module")
def peer():
    peer = samples.NodePeer()
    yield peer
    peer.close()


def agree(peer, config, tick, motion):
    packets = samples.send(config, tick, motion)
    assert peer.send(config, tick, motion) == packets
    assert peer.read(packets) == [samples.read_here(packet) for packet in packets]
    return packets


@pytest.mark.parametrize("part", range(10))
def test_a_thousand_random_sequences(peer, part, unchecked):
    made = 0
    for seed in range(100 * part, 100 * part + 100):
        random = np.random.default_rng(seed)
        kind = samples.KINDS[seed % len(samples.KINDS)]
        frames = int(random.integers(1, 5 if kind in ("noise", "wild") else 40))
        made += len(agree(peer, *samples.settings(random), samples.sample(kind, frames, random)))
    assert made > 100


@pytest.mark.corpus
def test_all_real_sequences(peer, corpus, unchecked):
    from training.evaluation.clips import find_clips
    from training.evaluation.track import track_clip
    from training.evaluation.tracked_face import motion_of_track

    for path in find_clips(corpus / "clips" / "grid"):
        motion = motion_of_track(track_clip(path))
        for settings in ({}, {"finest": 0, "target_bps": 50_000}, {"target_bps": 4000}):
            assert agree(peer, MotionConfig(**settings), 0, motion)


def test_gaps_are_skipped_alike(peer, unchecked):
    motion = samples.sample("smooth", 60, np.random.default_rng(3))
    motion[[10, 11, 12, 30, 45, 46]] = np.nan
    packets = agree(peer, MotionConfig(target_bps=100_000), 0, motion)
    read = [read_packet(packet) for packet in packets]
    ticks = {r.header.tick + i * r.header.stride for r in read for i in range(r.header.frames)}
    assert ticks == set(range(60)) - {10, 11, 12, 30, 45, 46}
    assert next(r for r in read if r.header.tick == 13).header.echoes == 0


def test_rates_are_controlled_alike(peer, unchecked):
    motion = samples.sample("smooth", 500, np.random.default_rng(1))
    strides = set()
    for target_bps in (1000, 3000, 6000):
        packets = agree(peer, MotionConfig(target_bps=target_bps, overhead_bytes=30), 65_300, motion)
        strides |= {packet[4] & 15 for packet in packets}
    assert len(strides) > 2


@hypothesis.settings(max_examples=400, deadline=None)
@hypothesis.given(data=strategies.binary(max_size=120), header=strategies.binary(min_size=6, max_size=6))
def test_garbage_is_read_alike(peer, data, header):
    for packet in (data, samples.plausible(header, data)):
        assert peer.read([packet]) == [samples.read_here(packet)]
