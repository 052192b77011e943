"""What the bundled weights have learned: coarse bounds that a bad training, or another model, would miss."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from models.motion.diffusion.stage import DiffusionMotion
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX
from models.motion.stage import SAMPLES_PER_FRAME, Presence, SpeechChunk
from models.speech.scorer import SileroScorer
from tests.motion.voices import buzz, rest, sentence, speak, vectors
from training.evaluation.liveliness import find_blinks
from training.evaluation.sounds import other_sounds, over_music

pytestmark = pytest.mark.usefixtures("unchecked")
JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
LIDS = EXPRESSION_INDEX["eyeBlinkLeft"]
MOUTH = [i for i, name in enumerate(EXPRESSIONS) if name.startswith(("mouth", "jaw"))]
CHAIN = [JOINT_INDEX[name] for name in ("spine", "chest", "neck", "head")]


@pytest.fixture(scope="module")
def motion():
    return DiffusionMotion()


@pytest.fixture(scope="module")
def gated():
    """As it is live: what is no speech moves no lips."""
    return DiffusionMotion(scorer=SileroScorer())


@pytest.fixture(scope="module")
def speech():
    """A sentence of a real voice, 16 kHz, and its phones."""
    voice = pytest.importorskip("training.corpus.piper")
    pytest.importorskip("piper")
    source = voice.PiperSource(5, 40)
    utterance = next(filter(None, map(source.make, range(40))))
    frames = len(utterance.pcm) // SAMPLES_PER_FRAME
    pcm = utterance.pcm[: frames * SAMPLES_PER_FRAME].astype(np.float32) / 32768
    return pcm, utterance.phones


def head_deg(shown):
    joints = shown[:, len(EXPRESSIONS) :][:, :36].reshape(-1, 12, 3)
    return np.degrees(joints[:, CHAIN].sum(axis=1))


def gap(shown):
    return shown[:, JAW] - shown[:, CLOSE]


@pytest.mark.parametrize("told", [True, False])
def test_chunked_equals_whole(motion, speech, told):
    pcm, phones = speech
    known = phones if told else None
    whole = vectors(speak(motion, motion.init_state(3), pcm, known, (10_000,), last=60)[0])
    for sizes in ((1,), (3, 1, 7)):
        again = vectors(speak(motion, motion.init_state(3), pcm, known, sizes, last=60)[0])
        np.testing.assert_allclose(again, whole, atol=1e-4)


def test_lips_move_with_speech_and_close_on_the_bilabials_they_are_told_of(motion, speech):
    pcm, phones = speech
    _, state = rest(motion, motion.init_state(1), Presence.IDLE, 1.0)
    shown = vectors(speak(motion, state, pcm, phones)[0])
    loudness = np.sqrt((pcm.reshape(-1, SAMPLES_PER_FRAME) ** 2).mean(axis=1))
    assert shown[:, JAW].max() > 0.2
    assert np.corrcoef(shown[:, JAW], loudness)[0, 1] > 0.2
    closed = [
        gap(shown)[max(0, middle - 2) : middle + 3].min() < 0.3 * np.percentile(gap(shown), 90)
        for phone in phones
        if phone.symbol in ("P", "B", "M")
        and (middle := round((phone.start_s + phone.end_s) / 2 * 25)) < len(shown)
    ]
    assert np.mean(closed) >= 0.75


def test_silence_noise_and_others_do_not_make_it_talk(motion, speech):
    random = np.random.default_rng(0)
    noise = random.normal(0.0, 0.05, 50 * SAMPLES_PER_FRAME).astype(np.float32)
    talking = gap(vectors(speak(motion, motion.init_state(1), speech[0], None)[0])).mean()
    for chunk in (
        SpeechChunk(0.0 * noise, Presence.SPEAKING, segment=1),
        SpeechChunk(noise, Presence.SPEAKING, segment=1),
        SpeechChunk(speech[0], Presence.LISTENING),
        SpeechChunk(speech[0], Presence.IDLE),
    ):
        frames, _ = motion.step(chunk, motion.init_state(1))
        assert gap(vectors(frames))[10:].mean() < 0.3 * talking


@pytest.mark.parametrize("kind", ["music", "strings", "plucked", "band", "typing", "coughs"])
def test_music_and_noise_do_not_make_it_talk(gated, speech, kind):
    talking = gap(vectors(speak(gated, gated.init_state(1), speech[0], None)[0])).std()
    pcm = other_sounds(2.0)[kind]
    assert gap(vectors(speak(gated, gated.init_state(1), pcm, None)[0])).std() < 0.05 * talking


def test_speech_over_music_moves_the_lips_as_speech_does(gated, speech):
    alone = gap(vectors(speak(gated, gated.init_state(1), speech[0], None)[0]))
    mixed = gap(vectors(speak(gated, gated.init_state(1), over_music(speech[0], 5.0), None)[0]))
    assert np.corrcoef(alone, mixed)[0, 1] > 0.6
    assert mixed.std() > 0.6 * alone.std()


def test_idling_is_calm_alive_and_never_the_same(motion):
    shown = vectors(rest(motion, motion.init_state(4), Presence.IDLE, 40.0)[0])
    assert gap(shown).max() < 0.1
    assert 0.05 < head_deg(shown).std(axis=0).max() < 6.0
    assert (np.abs(head_deg(shown)) < 14.0).all()
    assert (np.abs(np.diff(shown[:, 52:], axis=0)) < np.radians(2.0)).all()
    other = vectors(rest(motion, motion.init_state(5), Presence.IDLE, 10.0)[0])
    assert np.abs(other - shown[:250]).max() > 0.05


def test_it_blinks_like_a_person_and_never_dozes(motion):
    lids = vectors(rest(motion, motion.init_state(2), Presence.IDLE, 30.0)[0])[:, LIDS]
    blinks = find_blinks(lids)
    assert 8 <= blinks.per_minute <= 40
    assert 200 <= blinks.duration_ms <= 400
    assert blinks.hanging_share < 0.1


def test_the_mouth_of_a_cleared_utterance_closes_soon(motion, speech):
    spoken = vectors(speak(motion, motion.init_state(0), speech[0], None)[0])
    widest = int(gap(spoken).argmax())
    _, state = speak(motion, motion.init_state(0), speech[0], None, last=widest + 1)
    closing = gap(vectors(rest(motion, state, Presence.LISTENING, 0.4)[0]))
    assert gap(spoken)[widest] > 0.15
    assert (closing[4:] < 0.4 * gap(spoken)[widest]).all()


def test_hours_change_nothing(motion):
    _, state = rest(motion, motion.init_state(2), Presence.IDLE, 4.0)
    window = state.cache.keys.shape[2]
    hours = 14_000 * window
    cache = replace(state.cache, frames=state.cache.frames + hours)
    # The ring's slots are named by the frame's number, so a whole number of rounds keeps them in place.
    frames, after = rest(motion, replace(state, cache=cache, frame=state.frame + hours), Presence.IDLE, 8.0)
    shown = vectors(frames)
    assert np.isfinite(shown).all()
    assert (np.abs(head_deg(shown)) < 14.0).all()
    assert gap(shown).max() < 0.15
    assert len(pickle.dumps(after)) < 1.01 * len(pickle.dumps(state))


def test_buzzing_is_not_speech_but_is_survived(motion):
    shown = vectors(speak(motion, motion.init_state(0), buzz(sentence()), sentence())[0])
    assert np.isfinite(shown).all()
    assert shown[:, : len(EXPRESSIONS)].min() >= 0.0
    assert shown[:, : len(EXPRESSIONS)].max() <= 1.0
