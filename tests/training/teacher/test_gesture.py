"""Hands, trunk and listeners: what the rules promise beside lips, eyes and head."""

from dataclasses import replace

import numpy as np
import pytest

from models.motion.frame import FPS, JOINT_INDEX
from models.motion.stage import Presence
from models.motion.style import STYLE_SIZE, Style
from tests.motion.voices import silence
from training.teacher.cues import PREPARATION_S, Cues
from training.teacher.gaze import init_gaze, step_gaze
from training.teacher.gesture import init_gesture, step_gesture
from training.teacher.head import init_head, step_head
from training.teacher.posture import init_posture, step_posture
from training.teacher.prosody import Prosody

QUIET = Prosody(0.5, 0.65, 0.0, 0.0, False)
HEARD_OUT = Prosody(0.0, 0.65, 0.0, 0.0, True, phrase_s=1.0)


def cues(frame, presence=Presence.SPEAKING, **more):
    return Cues(frame, presence, presence, QUIET, **more)


def beat(style, seed=1, seconds=2.5, **more):
    """How far the left arm and fingers go from rest, with one strong accent announced in frame 25."""
    still, struck = init_gesture(seed), init_gesture(seed)
    offsets = []
    for frame in range(25 + round(seconds * FPS)):
        rest, rest_curls, still = step_gesture(cues(frame), style, seed, still)
        accent = {"far_accent": 1.0, "remaining_s": 5.0} if frame == 25 else {}
        arms, curls, struck = step_gesture(cues(frame, **accent, **more), style, seed, struck)
        offsets.append(np.concatenate([(arms - rest).ravel(), (curls - rest_curls).ravel()]))
    return np.array(offsets[25:])


def test_a_stroke_ends_about_its_accent_and_the_hand_returns():
    tops = []
    for seed in range(8):
        moved = np.abs(beat(Style.draw(seed), seed)).max(axis=1)
        tops.append(int(np.argmax(moved > 0.98 * moved.max())) / FPS)
        assert moved[0] < 0.1 * moved.max()
        assert moved[-1] < 0.02
    # The accent is announced PREPARATION_S before its vowel; strokes end within -200..+90 ms of it.
    assert min(tops) > PREPARATION_S - 0.25
    assert max(tops) < PREPARATION_S + 0.15


def test_lively_people_move_their_hands_more():
    calm, lively = (np.abs(beat(replace(Style.draw(1), gesture=g))).max() for g in (0.65, 0.95))
    assert lively > 1.15 * calm > 0.0


def test_hands_of_a_listener_do_not_beat():
    assert np.abs(beat(Style.draw(1))).max() > 0.5
    style, state = Style.draw(1), init_gesture(1)
    for frame in range(50):
        accented = cues(frame, Presence.LISTENING, far_accent=1.0, accent=1.0)
        *_, state = step_gesture(accented, style, 1, state)
        assert not state.beats


def test_a_fifth_to_a_third_of_accents_move_the_hands(unchecked):
    random, counts = np.random.default_rng(0), []
    for seed in range(6):
        style, state, begun = Style.draw(seed), init_gesture(seed), 0
        for frame in range(3000):
            accent = float(random.random()) if frame % 16 == 0 else 0.0
            *_, state = step_gesture(cues(frame, far_accent=accent), style, seed, state)
            begun += any(beat.age_s == 0.0 for beat in state.beats)
        counts.append(begun / (3000 / 16))
    assert 0.15 < np.mean(counts) < 0.33
    assert np.std(counts) > 0.02


def test_the_trunk_shifts_now_and_then_and_smoothly():
    style, state, rows = Style.draw(2), init_posture(2), []
    for frame in range(60 * FPS):
        angles, state = step_posture(cues(frame), style, 2, state)
        rows.append(angles[[JOINT_INDEX["spine"], JOINT_INDEX["chest"]]].ravel())
    moved = np.array(rows)
    assert 4 <= state.count <= 20
    assert 0.3 < np.abs(moved).max() < 5.0
    assert np.abs(np.diff(moved, axis=0)).max() < 0.25


def listen(heard, frames=40):
    """The most that a listener's head pitches away from a head that hears nothing."""
    answered = []
    for seed in range(24):
        style, curves = Style.draw(seed), []
        for prosody in (HEARD_OUT if heard else replace(HEARD_OUT, phrase_s=0.0), QUIET):
            gaze, head, pitch = init_gaze(seed), init_head(seed), []
            for frame in range(frames):
                now = Cues(
                    frame,
                    Presence.LISTENING,
                    Presence.LISTENING,
                    prosody,
                    boundary=frame == 5 and prosody.pause,
                )
                look, gaze = step_gaze(now, style, seed, gaze)
                angles, head = step_head(now, look, style, seed, head)
                pitch.append(angles[0])
            curves.append(pitch)
        answered.append(np.abs(np.subtract(*curves)).max() > 0.5)
    return np.mean(answered)


def test_listeners_nod_at_the_ends_of_phrases_but_not_at_noise():
    assert 0.3 < listen(heard=True) < 0.8
    assert listen(heard=False) == 0.0


def test_styles_are_vectors_of_about_unit_variance():
    vectors = np.array([Style.draw(seed).vector() for seed in range(400)])
    assert vectors.shape == (400, STYLE_SIZE)
    np.testing.assert_allclose(vectors.mean(axis=0), 0.0, atol=0.2)
    np.testing.assert_allclose(vectors.std(axis=0), 1.0, atol=0.2)


def test_silence_is_no_phrase():
    from training.teacher.prosody import hear, init_prosody

    state = init_prosody()
    for pcm in silence(1.0).reshape(-1, 640):
        heard, state = hear(pcm, state)
        assert heard.phrase_s == 0.0
        assert not heard.pause


@pytest.mark.parametrize("mood", [-1.0, 1.0])
def test_moods_show_in_the_face(mood):
    from models.motion.frame import EXPRESSION_INDEX
    from training.teacher.face import init_face, step_face

    faces = []
    for style in (replace(Style.draw(3), mood=mood), replace(Style.draw(3), mood=0.0)):
        state = init_face(3)
        for frame in range(50):
            weights, state = step_face(cues(frame), style, 3, state)
        faces.append(weights)
    name = "mouthSmileLeft" if mood > 0 else "browDownLeft"
    assert faces[0][EXPRESSION_INDEX[name]] > faces[1][EXPRESSION_INDEX[name]] + 0.08
