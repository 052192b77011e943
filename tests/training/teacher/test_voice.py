import numpy as np
import pytest

from models.motion.stage import SAMPLES_PER_FRAME
from tests.motion.voices import buzz, sentence, silence
from training.teacher.acoustic import listen
from training.teacher.articulation import VISEMES
from training.teacher.prosody import hear, init_prosody


def heard(pcm):
    state, voices = init_prosody(), []
    for frame in pcm.reshape(-1, SAMPLES_PER_FRAME):
        voice, state = hear(frame, state)
        voices.append(voice)
    return voices, state


def tone(hz, seconds=0.4, gain=0.3):
    times = np.arange(int(seconds * 16_000)) / 16_000
    wave = sum(
        np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hz, times.shape)) / 16_000 * k) / k for k in range(1, 10)
    )
    return (gain * wave).astype(np.float32)


@pytest.mark.parametrize("hz", [85.0, 120.0, 210.0, 330.0])
def test_pitch(hz):
    _, state = heard(tone(hz))
    assert abs(state.pitch_mean - 12 * np.log2(hz / 100)) < 0.6


def test_noise_has_no_pitch():
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    voices, _ = heard(noise)
    assert np.mean([voice.pitch_st != 0.0 for voice in voices]) < 0.1


def test_silence_is_silent_and_paused_once():
    voices, _ = heard(np.concatenate([tone(120.0), silence(2.0)]))
    assert voices[-1].loudness == 0.0
    assert sum(voice.pause for voice in voices) == 1


def test_a_pitch_peak_is_an_accent():
    glide = np.concatenate([np.full(16_000, 110.0), np.linspace(110, 180, 2400), np.linspace(180, 105, 4000)])
    glide = np.concatenate([glide, np.full(8000, 105.0)])
    voices, _ = heard(tone(glide, len(glide) / 16_000)[: len(glide) // 640 * 640])
    accents = [i / 25 for i, voice in enumerate(voices) if voice.accent > 0]
    assert any(1.05 < at_s < 1.35 for at_s in accents)
    assert not any(0.2 < at_s < 1.0 for at_s in accents)


def test_loudness_does_not_hang_on_the_gain():
    pcm = buzz(sentence())
    loud, soft = ([v.loudness for v in heard(gain * pcm)[0]] for gain in (1.0, 0.25))
    np.testing.assert_allclose(loud[30:], soft[30:], atol=0.2)


def mouth(pcm):
    row, state = np.zeros(15, np.float32), init_prosody()
    for frame in pcm.reshape(-1, SAMPLES_PER_FRAME):
        voice, state = hear(frame, state)
        row = listen(state.window, voice.loudness, row)
    return dict(zip(VISEMES, row, strict=True))


def test_hiss_bares_the_teeth():
    noise = np.random.default_rng(0).normal(0, 0.1, 6400)
    hiss = np.diff(np.diff(noise, prepend=0.0), prepend=0.0).astype(np.float32)
    shape = mouth(hiss)
    assert shape["SS"] > 2 * shape["aa"]


def test_a_low_formant_rounds_and_a_high_one_opens():
    times = np.arange(6400) / 16_000
    low, high = (
        sum(np.sin(2 * np.pi * 120 * k * times) * np.exp(-(((120 * k - f) / 150) ** 2)) for k in range(1, 30))
        for f in (300, 750)
    )
    rounded, opened = mouth((0.2 * low).astype(np.float32)), mouth((0.2 * high).astype(np.float32))
    assert rounded["U"] > rounded["aa"]
    assert opened["aa"] > opened["U"]
