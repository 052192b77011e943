"""Clips are read so that picture and sound stay together, whatever the container says."""

from fractions import Fraction

import av
import numpy as np
import pytest

from training.evaluation.clips import (
    ClipError,
    at_frame_rate,
    find_clips,
    fit_frames,
    is_cut,
    place,
    read_pictures,
    read_sound,
)

RATE_HZ = 48_000


def write_clip(path, *, fps=25, seconds=2.0, sound_from_s=0.0, flash_s=1.0, sound=True):
    """A black video with one white flash of 120 ms, and a beep that starts with it."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=fps)
        video.width, video.height, video.pix_fmt, video.bit_rate = 64, 48, "yuv420p", 400_000
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono") if sound else None
        for number in range(round(seconds * fps)):
            white = flash_s <= number / fps < flash_s + 0.12
            picture = np.full((48, 64, 3), 255 if white else 0, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            time_s = sound_from_s + np.arange(round((seconds - sound_from_s) * RATE_HZ)) / RATE_HZ
            beep = 0.5 * np.sin(2 * np.pi * 1000 * time_s) * (np.abs(time_s - flash_s - 0.06) < 0.06)
            for at in range(0, len(beep) - 1023, 1024):
                part = beep[None, at : at + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
                frame.pts = at + round(sound_from_s * RATE_HZ)
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def flash_of(path):
    pictures = list(read_pictures(path))
    return len(pictures), next(i for i, picture in enumerate(pictures) if picture.mean() > 128) / 25


def beep_of(path):
    pcm = read_sound(path)
    return np.flatnonzero(np.abs(pcm) > 0.2)[0] / 16_000


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("sound_from_s", [0.0, 0.4])
def test_sound_lies_under_its_picture(tmp_path, suffix, sound_from_s):
    path = write_clip(tmp_path / f"clip.{suffix}", sound_from_s=sound_from_s)
    count, flash_s = flash_of(path)
    assert count == 50
    assert flash_s == pytest.approx(1.0, abs=1e-6)
    assert beep_of(path) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("fps", [10, 30, 60])
def test_any_rate_becomes_25_pictures_a_second(tmp_path, fps):
    path = write_clip(tmp_path / "clip.mp4", fps=fps)
    count, flash_s = flash_of(path)
    assert count == pytest.approx(50, abs=1)
    assert flash_s == pytest.approx(1.0, abs=0.5 / fps + 0.04)
    assert beep_of(path) == pytest.approx(1.0, abs=0.02)


def test_the_nearest_picture_is_taken():
    assert list(at_frame_rate([(7.0, "a"), (7.04, "b"), (7.08, "c")])) == ["a", "b", "c"]
    assert list(at_frame_rate([(0.0, "a"), (0.1, "b")])) == ["a", "a", "b", "b", "b"]
    assert list(at_frame_rate((i / 50, i) for i in range(6))) == [0, 2, 4]
    assert list(at_frame_rate([(3.0, "only")])) == ["only"]
    assert list(at_frame_rate([])) == []


def test_sound_before_the_picture_is_cut_and_gaps_are_silent():
    one = np.ones(100, np.float32)
    assert place([(0.95, one)], 1000, 1.0).tolist() == [1.0] * 50
    assert place([(1.0, one), (1.2, one)], 1000, 1.0)[95:205].tolist() == [1.0] * 5 + [0.0] * 100 + [1.0] * 5
    assert len(place([(1.0, one), (1.103, one)], 1000, 1.0)) == 200
    assert not len(place([(0.5, one)], 1000, 1.0))


def test_silence_follows_short_sound():
    assert fit_frames(np.ones(1000, np.float32), 2).sum() == 1000
    assert fit_frames(np.ones(5000, np.float32), 2).sum() == 1280


def test_a_clip_without_sound_is_refused(tmp_path):
    path = write_clip(tmp_path / "mute.mp4", sound=False)
    with pytest.raises(ClipError, match=r"mute\.mp4 has no sound"):
        read_sound(path)


def test_what_is_no_clip_is_not_taken(tmp_path):
    with pytest.raises(ClipError, match="no folder"):
        find_clips(tmp_path / "absent")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ClipError, match="no video"):
        find_clips(tmp_path)
    (tmp_path / "A.MP4").touch()
    assert [path.name for path in find_clips(tmp_path)] == ["A.MP4"]


def test_a_minute_is_read(tmp_path):
    path = write_clip(tmp_path / "long.mp4", fps=5, seconds=62.0)
    assert is_cut(path)
    assert sum(1 for _ in read_pictures(path)) == 1500
    assert len(read_sound(path)) == 60 * 16_000
