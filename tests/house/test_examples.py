"""The examples run as they are, on something short."""

import importlib

import av
import numpy as np
import pytest
import soundfile

RATE_HZ = 16_000


def decode(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


async def test_own_picture_opens_with_the_voice(tmp_path):
    time_s = np.arange(RATE_HZ) / RATE_HZ
    syllables = np.sin(2 * np.pi * 160 * time_s) * (np.sin(2 * np.pi * 3 * time_s) > 0)
    soundfile.write(tmp_path / "speech.wav", 0.5 * syllables, RATE_HZ)
    await importlib.import_module("examples.own_picture").main(
        tmp_path / "speech.wav", tmp_path / "mouth.mp4"
    )
    openings = [int((picture < 100).sum()) for picture in decode(tmp_path / "mouth.mp4")]
    assert len(openings) >= 25
    assert max(openings) > 1.5 * openings[0]


async def test_render_text_makes_a_picture_that_moves(tmp_path, monkeypatch):
    pytest.importorskip("piper", reason="the extra `voice` is not installed")
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    await importlib.import_module("examples.render_text").main("Hi.", tmp_path / "hi.mp4", picture_size=128)
    pictures = decode(tmp_path / "hi.mp4")
    assert pictures[0].shape == (128, 128)
    assert np.abs(np.stack(pictures).astype(float) - pictures[0]).max() > 30
