import av
import numpy as np
import pytest

from engine.clock import LoopClock
from engine.compute import ThreadCompute
from engine.config import SessionConfig
from engine.encode import Mp4Writer
from engine.packets import MEDIA_RATE_HZ, AVPacket
from engine.render import RenderPlan, Speech, render
from engine.session import Session
from models.motion.stage import Presence, StillMotion
from models.picture import BoxPicture, Tier
from tests.engine.helpers import noise


@pytest.fixture
async def compute():
    compute = ThreadCompute()
    yield compute
    await compute.aclose()


def tones(length_s, rate):
    """Return half seconds of tone and silence, by turns, beginning with tone."""
    time_s = np.arange(round(length_s * rate)) / rate
    return np.rint(9_000 * np.sin(2 * np.pi * 220 * time_s) * (time_s % 1 < 0.5)).astype(np.int16)


def decoded(path):
    """Return pictures, sound as floats, and the lengths of both streams in seconds."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return pictures, sound, lengths


async def test_sound_and_picture_have_the_same_length_and_stay_together(tmp_path, compute):
    pcm = tones(3.0, 22_050)
    path = tmp_path / "out.mp4"
    rendered = await render(
        [Speech(pcm, 22_050)], path, motion=StillMotion(), picture=BoxPicture(64), compute=compute
    )
    pictures, sound, lengths = decoded(path)
    assert len(pictures) == rendered.frames
    assert lengths == [pytest.approx(rendered.frames * 0.04)] * 2
    loud = np.abs(sound[: rendered.frames * 960].reshape(-1, 960)).max(axis=1) > 0.1
    is_open = np.array([picture[40, 32].mean() < 90 for picture in pictures])
    assert loud.sum() == pytest.approx(1.5 * 25, abs=4)
    assert (loud != is_open).mean() < 0.06
    begin_s = np.flatnonzero(np.abs(sound) > 0.1)[0] / MEDIA_RATE_HZ
    assert begin_s == pytest.approx(np.flatnonzero(is_open)[0] * 0.04, abs=0.005)


async def test_it_ends_after_the_tail(tmp_path, compute):
    plan = RenderPlan(lead_s=0.4, tail_s=1.0)
    path = tmp_path / "out.mp4"
    utterances = [
        Speech(tones(1.0, 24_000), 24_000),
        Speech(noise(0), 16_000),
        Speech(tones(0.5, 16_000), 16_000),
    ]
    rendered = await render(
        utterances, path, motion=StillMotion(), picture=BoxPicture(16), compute=compute, plan=plan
    )
    assert rendered.frames * 0.04 == pytest.approx(0.4 + 1.5 + 1.0, abs=0.13)
    assert rendered.stats["late_frames"] == 0


async def test_speech_longer_than_the_buffer(tmp_path, compute):
    plan = RenderPlan(session=SessionConfig(pacing="free", input_limit_s=1.5))
    rendered = await render(
        [Speech(tones(6.0, 16_000), 16_000)],
        tmp_path / "out.mp4",
        motion=StillMotion(),
        picture=BoxPicture(16),
        compute=compute,
        plan=plan,
    )
    assert rendered.stats["starved_frames"] == 0
    assert rendered.frames * 0.04 == pytest.approx(6.8, abs=0.1)


async def test_progress_rises_to_one(tmp_path, compute):
    seen = []
    await render(
        [Speech(tones(1.0, 16_000), 16_000)],
        tmp_path / "out.mp4",
        motion=StillMotion(),
        picture=BoxPicture(16),
        compute=compute,
        progress=seen.append,
    )
    assert seen == sorted(seen)
    assert seen[0] < 0.1
    assert seen[-1] == 1.0


class NoPicture(BoxPicture):
    def step(self, motion, state, tier):
        raise ArithmeticError("never")


async def test_a_failure_leaves_no_file(tmp_path, compute):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the one before")
    with pytest.raises(ArithmeticError):
        await render([], path, motion=StillMotion(), picture=NoPicture(16), compute=compute)
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"the one before"


async def test_a_render_is_never_live(tmp_path, compute):
    plan = RenderPlan(session=SessionConfig(pacing="live"))
    with pytest.raises(ValueError, match="free"):
        await render(
            [], tmp_path / "o.mp4", motion=StillMotion(), picture=BoxPicture(16), compute=compute, plan=plan
        )


def test_odd_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="even size"):
        Mp4Writer(tmp_path / "out.mp4", 15)
    assert not list(tmp_path.iterdir())


def test_the_file_says_that_it_was_made(tmp_path):
    path = tmp_path / "out.mp4"
    picture = np.zeros((16, 16, 3), np.uint8)
    with Mp4Writer(path, 16) as writer:
        writer.write(AVPacket(0, picture, np.zeros(960, np.int16), 0, Presence.IDLE, Tier.FULL, False))
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == "AI-generated"
        assert [stream.codec.name for stream in container.streams] == ["h264", "aac"]


class LatePicture(BoxPicture):
    """`BoxPicture` that shows each motion three frames late."""

    delay_frames = 3

    def init_state(self):
        return ()

    def step(self, motion, state, tier):
        motions = (*state, motion)[-4:]
        picture, _ = super().step(motions[0], 0, tier)
        return picture, motions


async def test_pictures_that_come_late_are_laid_beside_their_sound(tmp_path, compute):
    path = tmp_path / "late.mp4"
    rendered = await render(
        [Speech(tones(2.0, 22_050), 22_050)],
        path,
        motion=StillMotion(),
        picture=LatePicture(64),
        compute=compute,
    )
    pictures, sound, _ = decoded(path)
    assert len(pictures) == rendered.frames
    loud = np.abs(sound[: rendered.frames * 960].reshape(-1, 960)).max(axis=1) > 0.1
    is_open = np.array([picture[40, 32].mean() < 90 for picture in pictures])
    assert is_open.any()
    assert (loud != is_open).mean() < 0.06


async def test_pictures_that_come_late_are_refused_live(compute):
    with pytest.raises(ValueError, match="3 frames late"):
        Session(StillMotion(), LatePicture(64), clock=LoopClock(), compute=compute, config=SessionConfig())
