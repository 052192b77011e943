import pickle

import numpy as np
import pytest

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, JOINT_INDEX
from models.motion.stage import Presence, SpeechChunk, StillMotion
from models.motion.style import Style
from tests.motion.voices import buzz, rest, sentence, silence, speak, vectors
from training.teacher.rules import RuleMotion

JAW = EXPRESSION_INDEX["jawOpen"]
CLOSE = EXPRESSION_INDEX["mouthClose"]
MOUTH = [i for i, name in enumerate(EXPRESSIONS) if name.startswith("mouth") or name == "jawOpen"]
SLOW = [i for i, name in enumerate(EXPRESSIONS) if name.startswith(("brow", "cheek", "nose", "eyeSquint"))]


@pytest.fixture(params=[RuleMotion, StillMotion])
def motion(request):
    return request.param()


def converse(motion, phones, sizes, seed=3):
    pcm, state = buzz(sentence()), motion.init_state(seed)
    idle, state = rest(motion, state, Presence.IDLE, 1.0, sizes)
    thinking, state = rest(motion, state, Presence.THINKING, 1.0, sizes)
    talk, state = speak(motion, state, pcm, phones, sizes)
    listening, state = rest(motion, state, Presence.LISTENING, 1.2, sizes)
    return vectors([*idle, *thinking, *talk, *listening])


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", [(1,), (2, 5), (3, 1, 7)])
def test_chunked_equals_whole(motion, known, sizes):
    phones = sentence() if known else None
    np.testing.assert_array_equal(converse(motion, phones, sizes), converse(motion, phones, (10_000,)))


def test_phones_that_arrive_in_time_are_as_good_as_phones_known_from_the_start():
    phones = sentence(times=2)
    pcm, motion = buzz(phones), RuleMotion()
    half = phones[: len(phones) // 2]
    arrival_s = half[-1].end_s - 1.4
    early, _ = speak(motion, motion.init_state(1), pcm, phones, (3,))
    late, _ = speak(
        motion, motion.init_state(1), pcm, lambda at_s: half if at_s < arrival_s else phones, (3,)
    )
    np.testing.assert_array_equal(vectors(early), vectors(late))


def test_phones_that_arrive_late_bend_the_mouth_without_a_jump():
    phones = sentence()
    pcm, motion = buzz(phones), RuleMotion()
    early, _ = speak(motion, motion.init_state(1), pcm, phones, (2,))
    late, _ = speak(
        motion, motion.init_state(1), pcm, lambda at_s: phones if at_s > 1.0 else phones[:3], (2,)
    )
    early, late = vectors(early)[:, MOUTH], vectors(late)[:, MOUTH]
    assert not np.allclose(early[20:25], late[20:25])
    np.testing.assert_allclose(early[33:], late[33:], atol=0.02)
    assert np.abs(np.diff(late, axis=0)).max() <= np.abs(np.diff(early, axis=0)).max() + 0.1


def test_state_is_a_value():
    motion, pcm = RuleMotion(), buzz(sentence())
    _, state = speak(motion, motion.init_state(5), pcm, sentence(), last=20)
    before = pickle.dumps(state)
    first, _ = speak(motion, state, pcm, sentence(), first=20)
    second, _ = speak(motion, state, pcm, sentence(), first=20)
    assert pickle.dumps(state) == before
    np.testing.assert_array_equal(vectors(first), vectors(second))


def test_one_sentence_has_many_motions_and_one_seed_has_one():
    a, b, again = (converse(RuleMotion(), sentence(), (4,), seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(a, again)
    assert np.abs(a - b).max(axis=0)[JAW] > 0.01
    assert np.abs(a[:, 52:] - b[:, 52:]).max() > 0.01


@pytest.mark.parametrize("known", [True, False])
def test_the_mouth_of_a_cleared_utterance_closes_within_120_ms(known):
    motion, phones = RuleMotion(), sentence()
    spoken, _ = speak(motion, motion.init_state(0), buzz(phones), phones if known else None)
    widest = int(vectors(spoken)[:, JAW].argmax())
    _, state = speak(motion, motion.init_state(0), buzz(phones), phones if known else None, last=widest + 1)
    closing, _ = rest(motion, state, Presence.LISTENING, 0.4)
    jaw = vectors(closing)[:, JAW]
    assert vectors(spoken)[widest, JAW] > 0.2
    assert jaw[0] < vectors(spoken)[widest, JAW]
    assert (jaw[2:] < 0.05).all()


def test_presence_changes_fade():
    motion, state, frames = RuleMotion(), RuleMotion().init_state(11), []
    for presence in (Presence.IDLE, Presence.THINKING, Presence.LISTENING, Presence.THINKING, Presence.IDLE):
        made, state = rest(motion, state, presence, 2.0)
        frames += made
    talk, state = speak(motion, state, buzz(sentence()), sentence())
    after, _ = rest(motion, state, Presence.IDLE, 2.0)
    steps = np.abs(np.diff(vectors([*frames, *talk, *after]), axis=0))
    assert np.degrees(steps[:, 52:].max()) < 0.9
    assert steps[:, SLOW].max() < 0.1
    quiet = np.abs(np.diff(vectors(frames)[:, MOUTH], axis=0))
    assert quiet.max() < 0.05


def test_speech_opens_closes_and_rounds_the_mouth():
    motion, phones = RuleMotion(), sentence(times=3)
    frames, _ = speak(motion, motion.init_state(4), buzz(phones), phones)
    shown = vectors(frames)
    assert 0.3 < shown[:, JAW].max() < 0.7
    assert 0.08 < shown[:, JAW].mean() < 0.3
    lead_s = Style.draw(4).lead_ms / 1000
    middles = [
        round(((p.start_s + p.end_s) / 2 - lead_s) * 25) for p in phones if p.symbol in ("P", "B", "M")
    ]
    gaps = [min(shown[m - 1 : m + 2, JAW] - shown[m - 1 : m + 2, CLOSE]) for m in middles]
    assert max(gaps) < 0.03
    rounded = [round(((p.start_s + p.end_s) / 2 - lead_s) * 25) for p in phones if p.symbol in ("UW", "W")]
    assert min(shown[m, EXPRESSION_INDEX["mouthPucker"]] for m in rounded) > 0.25


def test_a_listener_keeps_the_mouth_shut_whatever_sounds():
    motion = RuleMotion()
    frames, _ = motion.step(SpeechChunk(buzz(sentence()), Presence.LISTENING), motion.init_state(0))
    assert vectors(frames)[:, JAW].max() == 0.0


def test_amplitudes_suit_a_portrait():
    motion, shown = RuleMotion(), []
    for seed in range(2):
        state = motion.init_state(seed)
        talk, state = speak(motion, state, buzz(sentence(3)), sentence(3))
        listening, _ = rest(motion, state, Presence.LISTENING, 5.0)
        shown += [*talk, *listening]
    chain = [JOINT_INDEX[name] for name in ("spine", "chest", "neck", "head")]
    head = np.degrees(np.array([frame.rotations[chain].sum(axis=0) for frame in shown]))
    assert (np.abs(head).max(axis=0) < (10.0, 12.0, 8.0)).all()
    assert (np.abs(head).max(axis=0) > 1.0).all()
    weights = vectors(shown)[:, :52]
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0


def test_hours_change_nothing():
    from dataclasses import replace

    motion = RuleMotion()
    _, state = rest(motion, motion.init_state(2), Presence.IDLE, 8.0)
    later = replace(state, frame=state.frame + 10 * 3600 * 25)
    frames, after = rest(motion, later, Presence.IDLE, 12.0)
    head = np.degrees(vectors(frames)[:, 52:88])
    assert np.isfinite(head).all()
    assert 0.2 < np.abs(head).max() < 8.0
    assert len(pickle.dumps(after)) < 1.2 * len(pickle.dumps(state))


def test_a_broken_chunk_is_refused():
    motion = RuleMotion()
    with pytest.raises(ValueError, match="640-sample frames"):
        motion.step(SpeechChunk(silence(1.0)[:-1]), motion.init_state(0))
