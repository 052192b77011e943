import numpy as np
import pytest

from agent.echo import EchoConfig, EchoScorer
from agent.vad import SpeechDetector, SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted, VadConfig
from models.speech.scorer import WINDOW, LoudnessScorer, SileroScorer

CONFIG = VadConfig(min_speech_ms=96, pause_ms=192, min_silence_ms=480)


def sound(*stretches: tuple[float, float]) -> np.ndarray:
    """Stretches of (seconds, loudness) of a tone at 16 kHz."""
    return np.concatenate([loud * np.sin(np.arange(round(s * 16000)) * 0.2) for s, loud in stretches]).astype(
        np.float32
    )


def detect(detector, pcm, sizes=(10**9,)):
    state, events, at, turn = detector.init_state(), [], 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        new, state = detector.step(pcm[at : at + size], state)
        events += new
        at, turn = at + size, turn + 1
    return events


@pytest.fixture(scope="module", params=["fake", "silero", "echo"])
def scorer(request):
    fake = LoudnessScorer()
    return {"fake": fake, "echo": EchoScorer(fake, EchoConfig())}.get(request.param) or SileroScorer()


class TestScorerContract:
    def test_silence_is_no_speech(self, scorer):
        score, _ = scorer.score(np.zeros(WINDOW, np.float32), scorer.init_state())
        assert 0 <= score < 0.2

    def test_state_is_not_held_in_the_instance(self, scorer):
        window = np.random.default_rng(0).normal(0, 0.1, WINDOW).astype(np.float32)
        state = scorer.init_state()
        first, _ = scorer.score(window, state)
        second, _ = scorer.score(window, state)
        assert first == second

    @pytest.mark.parametrize("sizes", [(1, 511, 513), (160,), (640, 7)])
    def test_chunked_equals_whole(self, scorer, sizes):
        detector = SpeechDetector(scorer, CONFIG)
        pcm = sound((0.5, 0.0), (0.6, 0.3), (1.0, 0.0), (0.4, 0.2), (0.3, 0.0))
        assert detect(detector, pcm, sizes) == detect(detector, pcm)


def test_speech_then_silence_gives_three_events_at_the_right_samples():
    events = detect(SpeechDetector(LoudnessScorer(), CONFIG), sound((0.512, 0.0), (0.512, 0.3), (1.024, 0.0)))
    assert events == [
        SpeechStarted(8192, 8192 + 3 * WINDOW),
        SpeechPaused(16384, 16384 + 6 * WINDOW),
        SpeechEnded(16384, 16384 + 15 * WINDOW, voiced_samples=8192),
    ]


def test_a_breath_resumes_and_a_click_is_forgotten():
    pcm = sound(
        (0.512, 0.0), (0.032, 0.3), (0.512, 0.0), (0.512, 0.3), (0.256, 0.0), (0.256, 0.3), (1.0, 0.0)
    )
    kinds = [type(event) for event in detect(SpeechDetector(LoudnessScorer(), CONFIG), pcm)]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]


@pytest.mark.parametrize(
    ("values", "names"),
    [({"threshold": 0.3, "release_threshold": 0.4}, "release_threshold"), ({"pause_ms": 900}, "pause_ms")],
)
def test_config_refuses_what_cannot_work(values, names):
    with pytest.raises(ValueError, match=names):
        VadConfig(**values)
