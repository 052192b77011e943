"""The avatar's own voice in the microphone, a talker over it, and noises: real voice, real ear."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from agent.echo import EchoConfig, EchoScorer, delay_ms
from agent.hearing import Began, Hearing, HearingConfig
from agent.vad import SpeechDetector, SpeechStarted, VadConfig
from engine.samples import to_int16
from models.speech.scorer import LoudnessScorer, SileroScorer
from tests.agent import sounds

RATE = sounds.RATE
ANSWER = (
    "Sunlight scatters in the air, and blue light scatters the most, that is why we see a blue sky.",
    "What else would you like to know?",
)
LIKE_ITS_OWN = "Wait a moment I have another question about blue light and about the air around us."
INTERRUPTION = "But what about the evening, when it is red?"


@pytest.fixture(scope="module")
def silero():
    return SileroScorer()


@pytest.fixture(scope="module")
def answer():
    return np.concatenate([np.zeros(RATE // 2, np.float32), asyncio.run(sounds.spoken(*ANSWER))])


@pytest.fixture(scope="module")
def visitor():
    return asyncio.run(sounds.spoken(INTERRUPTION, pitch=1.25))


def listen(scorer, heard, played):
    """Feed both sides in real time, packet by packet; return the starts of speech, and the last state."""
    detector = SpeechDetector(scorer, VadConfig())
    state, starts = detector.init_state(), []
    for at in range(0, min(len(heard), len(played)), 640):
        if isinstance(scorer, EchoScorer):
            state = replace(state, scorer=scorer.play(played[at : at + 640], state.scorer))
        for half in (at, at + 320):
            events, state = detector.step(heard[half : half + 320], state)
            starts += [event for event in events if isinstance(event, SpeechStarted)]
    return [start.at_sample for start in starts], state


WAYS = [(60, -6), (60, -25), (200, -12), (400, -6), (400, -20)]


@pytest.mark.parametrize(("way_ms", "db"), WAYS)
def test_its_own_voice_does_not_interrupt_it(silero, answer, way_ms, db):
    heard = sounds.echo(answer, delay_ms=way_ms, db=db)
    starts, state = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert starts == []
    assert state.scorer.explained > 50
    assert delay_ms(state.scorer) == pytest.approx(way_ms, abs=40)
    unguarded, _ = listen(silero, heard, answer)
    assert unguarded, "without the guard it would have interrupted itself"


@pytest.mark.parametrize(("way_ms", "db", "at_s"), [(60, -6, 1.6), (200, -12, 3.2), (400, -20, 1.6)])
def test_a_talker_over_it_is_noticed_within_200_ms(silero, answer, visitor, way_ms, db, at_s):
    heard = sounds.echo(answer, delay_ms=way_ms, db=db)
    at = round(at_s * RATE)
    length = min(len(visitor), len(heard) - at)
    heard[at : at + length] += visitor[:length]
    starts, _ = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert starts
    assert starts[0] > at, "not before"
    # Where the echo is half as loud as the visitor, a window more is needed.
    assert starts[0] - at <= (0.24 if db > -12 else 0.2) * RATE


def test_who_puts_headphones_on_is_heard_all_the_same(silero, answer, visitor):
    """The path is known, and then there is none: a quiet visitor is no echo."""
    heard = sounds.echo(answer, delay_ms=200, db=-6)
    at = 3 * RATE
    heard[at:] = 0.5 * np.pad(visitor, (0, len(heard)))[: len(heard) - at]
    starts, _ = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert starts
    assert 0 < starts[0] - at <= 0.6 * RATE


@pytest.mark.parametrize(("pitch", "at_s"), [(1.0, 0.7), (1.0, 1.6), (1.08, 2.4)])
def test_a_voice_like_its_own_is_no_echo(silero, answer, pitch, at_s):
    """Through headphones: were half a second of it taken for echo, the turn would end in its middle."""
    alike = asyncio.run(sounds.spoken(LIKE_ITS_OWN, pitch=pitch))
    at = round(at_s * RATE)
    heard = np.random.default_rng(0).normal(0, 3e-4, len(answer)).astype(np.float32)
    length = min(len(alike), len(heard) - at)
    heard[at : at + length] += alike[:length]
    starts, state = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert len(starts) == 1, "heard as one"
    assert 0 < starts[0] - at <= 0.2 * RATE
    assert not state.scorer.path.settled, "no way was found, for there is none"


def test_while_the_avatar_is_silent_nothing_is_held_back(silero, visitor):
    heard = np.concatenate([np.zeros(RATE, np.float32), visitor])
    guarded, _ = listen(EchoScorer(silero, EchoConfig()), heard, np.zeros_like(heard))
    assert guarded == listen(silero, heard, heard)[0]


NOISES = {"keys": sounds.keyboard(), "music": sounds.music(), "cough": sounds.cough()}


@pytest.mark.parametrize("noise", NOISES)
def test_noises_neither_interrupt_nor_start_a_turn(silero, answer, noise):
    noise = NOISES[noise]
    played = np.pad(answer, (0, len(noise)))[: len(noise)]
    for said in (played, np.zeros_like(played)):
        assert listen(EchoScorer(silero, EchoConfig()), noise, said)[0] == []


@pytest.mark.parametrize("way", [(60, -6), (200, -6), (400, -20)])
@pytest.mark.parametrize("noise", NOISES)
def test_noises_over_a_loud_echo_do_not_interrupt(silero, answer, noise, way):
    """What is left without the echo is the noise alone; heard with it, it would be somebody's speech."""
    noise, (way_ms, db), at = NOISES[noise], way, round(2.1 * RATE)
    heard = sounds.echo(answer, delay_ms=way_ms, db=db)
    length = min(len(noise), len(heard) - at)
    heard[at : at + length] += noise[:length]
    starts, state = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert starts == []
    assert state.scorer.path.settled


@pytest.mark.parametrize(("way_ms", "db"), [(60, -6), (200, -6)])
def test_a_soft_talker_is_heard_through_a_loud_echo(silero, answer, visitor, way_ms, db):
    heard = sounds.echo(answer, delay_ms=way_ms, db=db)
    at = round(3.2 * RATE)
    length = min(len(visitor), len(heard) - at)
    heard[at : at + length] += 0.35 * visitor[:length]
    starts, _ = listen(EchoScorer(silero, EchoConfig()), heard, answer)
    assert starts
    assert 0 < starts[0] - at <= 0.4 * RATE


@pytest.mark.parametrize("sizes", [(1, 333, 1001), (97,), (640,)])
def test_chunked_equals_whole(answer, sizes):
    """How either side is cut changes nothing, as long as it is known what was played by then."""
    heard, played = sounds.echo(answer, delay_ms=100, db=-6)[: 2 * RATE], answer[: 2 * RATE]
    scorer = EchoScorer(LoudnessScorer(), EchoConfig())
    detector = SpeechDetector(scorer, VadConfig())

    def hear(sizes):
        state, events, at, turn = detector.init_state(), [], 0, 0
        parts = np.split(played, range(sizes[0], len(played), max(sizes)))
        for part in parts:
            state = replace(state, scorer=scorer.play(part, state.scorer))
        while at < len(heard):
            size = sizes[turn % len(sizes)]
            new, state = detector.step(heard[at : at + size], state)
            events, at, turn = events + list(new), at + size, turn + 1
        return events, state.scorer

    (events, state), (whole, final) = hear(sizes), hear((len(heard),))
    assert events == whole
    np.testing.assert_allclose(state.trust, final.trust, atol=1e-4)
    np.testing.assert_allclose(state.path.heard, final.path.heard, rtol=1e-3)
    assert state.path.frames == final.path.frames > 10
    np.testing.assert_allclose(state.played.fine, final.played.fine, atol=1e-2)


def test_the_ear_is_told_what_is_played(answer):
    scorer = EchoScorer(LoudnessScorer(), EchoConfig())
    heard = to_int16(sounds.echo(answer, delay_ms=100, db=-3))
    deaf = Hearing(SpeechDetector(LoudnessScorer(), VadConfig()), HearingConfig())
    told = Hearing(SpeechDetector(scorer, VadConfig()), HearingConfig(), scorer)
    at_24k = to_int16(np.repeat(answer, 3)[::2])  # coarse, and good enough below 4 kHz
    begun = {deaf: 0, told: 0}
    for frame in range(len(answer) // 640):
        for ear in begun:
            ear.played(at_24k[frame * 960 : (frame + 1) * 960])
            events = ear.push(heard[frame * 640 : (frame + 1) * 640], RATE)
            begun[ear] += sum(isinstance(event, Began) for event in events)
    assert begun[deaf] > 0
    assert begun[told] == 0
    assert told.stats()["echo_windows"] > 50
