"""Live packets into a file: sound and picture stay together, whatever is missing."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from engine.compute import InlineCompute, ThreadCompute
from engine.packets import MEDIA_SAMPLES_PER_FRAME, AVPacket
from engine.recording import WAITING_MAX, Recording
from models.motion.stage import Presence
from models.picture import Tier
from tests.engine.test_render import decoded


def packet(index: int) -> AVPacket:
    """Return a packet that is bright and loud, or dark and silent, by turns of ten frames."""
    on = index // 10 % 2
    time_s = np.arange(MEDIA_SAMPLES_PER_FRAME) / 24_000
    pcm = np.rint(9000 * on * np.sin(2 * np.pi * 500 * time_s)).astype(np.int16)
    picture = np.full((64, 64, 3), 230 if on else 20, np.uint8)
    return AVPacket(index, picture, pcm, on, Presence.IDLE, Tier.FULL, late=False)


async def record(tmp_path, packets):
    recording = Recording(tmp_path / "folder" / "out.mp4", InlineCompute())
    recording.start()
    for one in packets:
        recording.take(one)
        await asyncio.sleep(0)
    return recording, await recording.finish()


def frames_that_are_on(path):
    pictures, sound, lengths = decoded(path)
    bright = np.array([picture.mean() > 128 for picture in pictures])
    loud = np.abs(sound[: len(pictures) * 960].reshape(-1, 960)).max(axis=1) > 0.1
    return bright, loud, lengths


async def test_picture_and_sound_are_of_the_same_frames(tmp_path):
    _, recorded = await record(tmp_path, [packet(i) for i in range(7, 107)])
    bright, loud, lengths = frames_that_are_on(recorded.path)
    assert recorded.frames == len(bright) == 100
    assert lengths == [pytest.approx(4.0)] * 2
    assert (bright != loud).sum() <= 10, "the sound's filter may reach one frame over each edge"
    assert bright.tolist() == [i // 10 % 2 == 1 for i in range(7, 107)]


async def test_what_is_missing_is_filled_and_counted(tmp_path):
    kept = [packet(i) for i in range(100) if not 40 <= i < 55]
    _, recorded = await record(tmp_path, kept)
    bright, loud, lengths = frames_that_are_on(recorded.path)
    assert (recorded.frames, recorded.filled_frames) == (100, 15)
    assert lengths == [pytest.approx(4.0)] * 2
    assert bright[40:55].all(), "the picture before stands"
    assert not loud[41:54].any()
    assert bright[60:].tolist() == [i // 10 % 2 == 1 for i in range(60, 100)]


async def test_a_slow_encoder_drops_packets_and_keeps_time(tmp_path):
    recording = Recording(tmp_path / "out.mp4", InlineCompute())
    recording.start()
    for i in range(WAITING_MAX + 30):
        recording.take(packet(i))
    await asyncio.sleep(0.3)
    recording.take(packet(WAITING_MAX + 30))
    recorded = await recording.finish()
    assert recording.dropped == 30
    assert (recorded.frames, recorded.filled_frames) == (WAITING_MAX + 31, 30)


async def test_without_packets_there_is_no_file(tmp_path):
    _, recorded = await record(tmp_path, [])
    assert recorded is None
    assert list(tmp_path.iterdir()) == []


async def test_discarding_leaves_no_file(tmp_path):
    recording = Recording(tmp_path / "out.mp4", InlineCompute())
    recording.start()
    recording.take(packet(0))
    await asyncio.sleep(0.05)
    await recording.discard()
    assert list(tmp_path.iterdir()) == []


async def test_a_failure_is_told_at_the_end(tmp_path):
    (tmp_path / "file").touch()
    recording = Recording(tmp_path / "file" / "out.mp4", InlineCompute())
    recording.start()
    recording.take(packet(0))
    with pytest.raises(OSError, match="file"):
        await recording.finish()


async def test_a_picture_of_another_size_leaves_no_file(tmp_path):
    compute = ThreadCompute(1)
    recording = Recording(tmp_path / "out.mp4", compute)
    recording.start()
    recording.take(packet(0))
    recording.take(replace(packet(1), pcm=np.zeros((0,), np.int16), picture=np.zeros((0, 0, 3), np.uint8)))
    with pytest.raises(Exception, match=r".+"):
        await recording.finish()
    assert list(tmp_path.iterdir()) == []
    await compute.aclose()
