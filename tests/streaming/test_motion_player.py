"""The player follows the sound, bridges what is lost, and never shows a frozen face for long."""

import asyncio

import numpy as np
import pytest

from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import MOTION_SIZE
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk, StillMotion
from streaming.motion.buffer import AHEAD_MAX
from streaming.motion.config import MotionConfig
from streaming.motion.encoder import MotionEncoder
from streaming.motion.fake_carrier import FakeCarrier, LineConfig
from streaming.motion.packet import read_packet
from streaming.motion.player import MotionPlayer, PlayerConfig, numbers
from tests.streaming import motion_samples as samples

SILENCE = SpeechChunk(np.zeros(SAMPLES_PER_FRAME, np.float32), Presence.LISTENING)
PLAYOUT_TICKS = 7


@pytest.fixture(scope="module")
def talk():
    return samples.talking(40.0)


def frozen_ms(shown, motion):
    """Return the longest time the same picture stood while the person moved."""
    longest = run = 0
    for before, after, was, is_now in zip(shown, shown[1:], motion, motion[1:], strict=False):
        is_same = np.abs(after - before).max() < 1e-4 and np.abs(is_now - was).max() > 1e-4
        run = run + 1 if is_same else 0
        longest = max(longest, run)
    return 40 * longest


async def meet(motion, line):
    """Send motion over a line in real (virtual) time, and play it against the sound's clock."""
    here, there = FakeCarrier.pair(line)
    player = MotionPlayer(DiffusionMotion())
    playing, shown = player.init_state(0), []

    async def send():
        encoder = MotionEncoder(MotionConfig())
        state = encoder.init_state()
        for frame in motion:
            packets, state = encoder.step(frame[None], state)
            for packet in packets:
                here.push(packet)
            await asyncio.sleep(0.04)
        await here.end()

    async def receive():
        nonlocal playing
        async for packet in there:
            playing = player.push(read_packet(packet), playing)

    async def play():
        nonlocal playing
        await asyncio.sleep(0.04 * PLAYOUT_TICKS + 0.001)
        for tick in range(len(motion)):
            frame, playing = player.step(tick, SILENCE, playing)
            shown.append(frame.vector())
            await asyncio.sleep(0.04)

    async with asyncio.TaskGroup() as tasks:
        for task in (send, receive, play):
            tasks.create_task(task())
    await there.aclose()
    return np.stack(shown), numbers(playing)


@pytest.mark.virtual_time
async def test_on_a_clear_line_everything_is_shown(talk, unchecked):
    shown, counts = await meet(talk[:500], LineConfig(delay_ms=60, jitter_ms=40))
    sent = np.stack(
        [row for p in samples.send(MotionConfig(), 0, talk[:500]) for row in read_packet(p).frames]
    )
    # Before the first packet the stage is shown, and its last picture is left softly.
    assert np.abs(shown[20:] - sent[20:]).max() < 1e-3
    assert counts["motion_concealed_frames"] == 0
    assert counts["motion_lost_packets"] == 0
    assert counts["motion_margin_ticks"] >= 0


@pytest.mark.virtual_time
@pytest.mark.parametrize("loss", [0.1, 0.3])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_freeze_over_300_ms(talk, loss, seed, unchecked):
    line = LineConfig(loss=loss, delay_ms=40, jitter_ms=80, seed=seed)
    shown, counts = await meet(talk, line)
    assert counts["motion_lost_packets"] > 0.5 * loss * 250
    assert frozen_ms(shown, talk) <= 300
    assert np.isfinite(shown).all()


@pytest.mark.virtual_time
async def test_after_an_outage_nothing_is_out_of_step(talk, unchecked):
    clear, _ = await meet(talk[:500], LineConfig(delay_ms=60))
    shown, counts = await meet(talk[:500], LineConfig(delay_ms=60, outage_s=(8.0, 10.0)))
    back = 10 * 25 + PLAYOUT_TICKS + 16
    assert np.abs(shown[back:] - clear[back:]).max() < 0.02
    gap = shown[205:250]
    assert counts["motion_concealed_frames"] >= 40
    assert frozen_ms(gap, gap + np.arange(len(gap))[:, None]) <= 300
    steps = np.abs(np.diff(shown, axis=0)).max()
    assert steps < 1.5 * np.abs(np.diff(talk[:500], axis=0)).max()


def play(packets, ticks, stage=None, config=None):
    """Play with all packets there from the start."""
    player = MotionPlayer(stage or StillMotion(), config)
    state = player.init_state(0)
    for packet in packets:
        state = player.push(packet, state)
    shown = []
    for tick in ticks:
        frame, state = player.step(tick, SILENCE, state)
        shown.append(frame.vector())
    return np.stack(shown), state


def packets_of(motion, **settings):
    return [read_packet(p) for p in samples.send(MotionConfig(**settings), 0, motion)]


def test_packets_may_overtake_each_other(talk, unchecked):
    packets = packets_of(talk[:24])
    there, state = play(packets[::-1], range(24))
    assert np.array_equal(there, play(packets, range(24))[0])
    assert numbers(state)["motion_lost_packets"] == 0


def test_one_lost_packet_is_bridged_by_echoes(talk, unchecked):
    packets = packets_of(talk[:24])
    shown, state = play(packets[:2] + packets[3:], range(24))
    whole, _ = play(packets, range(24))
    assert numbers(state)["motion_concealed_frames"] == 0
    assert numbers(state)["motion_lost_packets"] == 1
    without = packets_of(talk[:24], echoes=0)
    straight, _ = play(without[:2] + without[3:], range(24))
    assert np.abs(shown - whole).mean() < np.abs(straight - whole).mean()


def test_rare_frames_are_joined_smoothly(unchecked):
    motion = np.linspace(0, 1, 60, dtype=np.float32)[:, None] * np.eye(MOTION_SIZE, dtype=np.float32)[24]
    packets = packets_of(motion, target_bps=500, overhead_bytes=100)
    assert max(packet.header.stride for packet in packets) > 1
    shown, _ = play(packets, range(50))
    assert np.abs(shown[8:48, 24] - motion[8:48, 24]).max() < 0.08
    assert np.diff(shown[8:48, 24]).min() > -0.02


def test_a_pose_that_holds_is_believed_for_two_seconds(unchecked):
    motion = np.full((14, MOTION_SIZE), 0.25, np.float32)
    packets = packets_of(motion)
    assert packets[-1].header.holds
    shown, state = play(packets, range(14 + 120))
    assert np.ptp(shown[14:60], axis=0).max() == 0
    assert not shown[-1].any()
    assert state.concealed > 60


def test_then_the_motion_stage_takes_over(talk, unchecked):
    """With the voice alone, the mouth goes on: that is what audio only means."""
    player = MotionPlayer(StillMotion(), PlayerConfig(stay_ticks=2, ease_ticks=4))
    state = player.init_state(0)
    for packet in packets_of(talk[:8]):
        state = player.push(packet, state)
    loud = SpeechChunk(np.full(SAMPLES_PER_FRAME, 0.2, np.float32), Presence.SPEAKING)
    jaws = []
    for tick in range(16):
        frame, state = player.step(tick, loud, state)
        jaws.append(float(frame.expression[24]))
    assert jaws[8] == jaws[9] == jaws[7]
    assert jaws[14] == jaws[15] == pytest.approx(0.8, abs=1e-6)


def test_chunks_of_time_do_not_matter(talk, unchecked):
    """State is a value: playing on from a kept state gives the same again."""
    player = MotionPlayer(DiffusionMotion())
    state = player.init_state(3)
    for packet in packets_of(talk[:40])[:6]:
        state = player.push(packet, state)
    kept, runs = state, []
    for _ in range(2):
        state, shown = kept, []
        for tick in range(40):
            frame, state = player.step(tick, SILENCE, state)
            shown.append(frame.vector())
        runs.append(np.stack(shown))
    assert np.array_equal(*runs)


def test_the_buffer_is_bounded_and_counts_what_is_strange(talk, unchecked):
    player = MotionPlayer(StillMotion())
    state = player.init_state(0)
    encoder = MotionEncoder(MotionConfig())
    for first in (40_000, 5 * AHEAD_MAX, 400):
        packets, _ = encoder.step(talk[:100], encoder.init_state(first))
        for packet in packets:
            state = player.push(read_packet(packet), state)
    assert numbers(state)["motion_strange_packets"] == 75
    for _ in range(3):
        packets, _ = encoder.step(talk, encoder.init_state())
        for packet in packets:
            state = player.push(read_packet(packet), state)
    assert len(state.buffer.moments) <= AHEAD_MAX + 20
