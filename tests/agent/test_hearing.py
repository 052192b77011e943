import numpy as np
import pytest

from agent.hearing import Began, Hearing, HearingConfig, MayBeOver, Utterance, WentOn
from agent.vad import SpeechDetector, VadConfig
from models.speech.scorer import LoudnessScorer

RATE = 48_000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


def quiet(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(seconds * rate), np.int16)


def make(**config) -> Hearing:
    return Hearing(SpeechDetector(LoudnessScorer(), VadConfig()), HearingConfig(**config))


def feed(hearing: Hearing, pcm: np.ndarray, size: int = 960, rate: int = RATE) -> list:
    return [e for at in range(0, len(pcm), size) for e in hearing.push(pcm[at : at + size], rate)]


def test_an_utterance_comes_whole_with_its_beginning():
    events = feed(make(), np.concatenate([quiet(1), tone(1.5), quiet(1)]))
    assert [type(e) for e in events] == [Began, MayBeOver, Utterance]
    utterance = events[-1]
    assert 1.5 + 0.3 <= len(utterance.pcm) / 16000 <= 1.5 + 0.3 + 0.2
    assert np.abs(utterance.pcm[: 16000 // 5]).max() < 0.01
    assert 0.45 <= utterance.silence_s <= 0.55


def test_what_was_heard_at_the_pause_is_the_utterance():
    events = feed(make(), np.concatenate([quiet(0.5), tone(1), quiet(1)]))
    np.testing.assert_array_equal(events[1].pcm, events[2].pcm)
    assert events[2].as_paused


def test_a_breath_is_told():
    events = feed(make(), np.concatenate([tone(0.5), quiet(0.3), tone(0.5), quiet(1)]))
    assert [type(e) for e in events] == [Began, MayBeOver, WentOn, MayBeOver, Utterance]


@pytest.mark.parametrize("sizes", [(1, 333, 4801), (97,), (960,)])
def test_chunked_equals_whole(sizes):
    pcm = np.concatenate([quiet(0.4), tone(0.7), quiet(0.8)])
    whole = feed(make(), pcm, size=len(pcm))
    hearing, events, at, turn = make(), [], 0, 0
    while at < len(pcm):
        events += hearing.push(pcm[at : at + sizes[turn % len(sizes)]], RATE)
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    assert [type(e) for e in events] == [type(e) for e in whole]
    np.testing.assert_allclose(events[-1].pcm, whole[-1].pcm, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_any_rate(rate):
    events = feed(make(), np.concatenate([quiet(0.5, rate), tone(1, rate), quiet(1, rate)]), rate // 50, rate)
    assert [type(e) for e in events] == [Began, MayBeOver, Utterance]


def test_the_key_holds_through_silence():
    hearing = make()
    events = feed(hearing, quiet(1))
    events += hearing.hold()
    events += feed(hearing, np.concatenate([tone(0.5), quiet(2), tone(0.5)]))
    assert [type(e) for e in events] == [Began]
    assert hearing.begun
    (utterance,) = hearing.release()
    assert 3.0 <= len(utterance.pcm) / 16000 <= 3.35
    assert hearing.release() == []
    assert feed(hearing, quiet(2)) == []


def test_an_endless_utterance_stays_bounded_and_says_what_it_lost():
    hearing = make(max_utterance_s=2.0)
    hearing.hold()
    feed(hearing, tone(5))
    (utterance,) = hearing.release()
    assert len(utterance.pcm) / 16000 == pytest.approx(2.0, abs=0.01)
    assert hearing.stats()["hearing_forgotten_s"] == pytest.approx(3.0, abs=0.05)


def test_long_silence_keeps_only_the_pre_roll():
    hearing = make()
    feed(hearing, quiet(20))
    assert hearing.stats()["hearing_buffer_s"] <= 1.31


def test_refuses_an_impossible_rate():
    with pytest.raises(ValueError, match="0 Hz"):
        make().push(quiet(0.1), 0)
