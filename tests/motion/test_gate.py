"""What moves lips: `SpeechGate` with loudness for speech, so that a test can say what there is."""

import numpy as np
import pytest

from models.motion.stage import SAMPLES_PER_FRAME
from models.speech.gate import SpeechGate
from models.speech.scorer import WINDOW, LoudnessScorer

PAST, AHEAD = 3, 5
NOTHING = np.zeros(0, np.float32)
SPEECH, MUSIC, ROOM = 0.1, 0.03, 0.003
"""Amplitudes; speech is what is louder than 0.05."""


def sound(*stretches):
    """Stretches of (frames, amplitude)."""
    return np.concatenate([np.full(n * SAMPLES_PER_FRAME, level, np.float32) for n, level in stretches])


def gated(pcm, sizes=(10_000,), lookahead=AHEAD):
    """The shares that are asked for, in chunks, with all that follows known."""
    gate = SpeechGate(LoudnessScorer(0.05), PAST, lookahead)
    state, rows, at, turn = gate.init_state(), [], 0, 0
    while at < len(pcm):
        end = min(at + sizes[turn % len(sizes)] * SAMPLES_PER_FRAME, len(pcm))
        shares, state = gate.step(pcm[at:end], pcm[end:] if lookahead else NOTHING, state)
        rows.append(shares)
        at, turn = end, turn + 1
    return np.concatenate(rows)


def own(shares):
    return shares[:, PAST]


@pytest.mark.parametrize(("sizes", "lookahead"), [((1,), AHEAD), ((2, 5), AHEAD), ((3, 1, 7), 2), ((1,), 0)])
def test_chunked_equals_whole(sizes, lookahead):
    random = np.random.default_rng(0)
    pcm = sound(
        *((int(random.integers(1, 30)), (SPEECH, MUSIC, MUSIC, ROOM)[random.integers(4)]) for _ in range(40))
    )
    whole = gated(pcm, lookahead=lookahead)
    assert 0.2 < own(whole).mean() < 0.9
    np.testing.assert_allclose(gated(pcm, sizes, lookahead), whole, atol=1e-6)


def test_music_shuts_it_and_quiet_and_speech_do_not():
    shares = own(gated(sound((25, ROOM), (50, MUSIC), (50, ROOM), (25, SPEECH))))
    assert (shares[:24] == 1.0).all()
    assert (shares[30:75] == 0.0).all()
    assert (shares[100:] == 1.0).all()
    assert (np.diff(shares[75:100]) >= 0.0).all()


def test_it_opens_before_speech_that_is_known_ahead_and_soon_after_speech_that_is_not():
    pcm = sound((40, MUSIC), (20, SPEECH))
    assert own(gated(pcm))[38:40].min() > 0.5
    late = own(gated(pcm, lookahead=0))
    assert not late[30:40].any()
    assert late[42] == 1.0


def test_it_holds_over_a_pause_in_a_word_that_music_fills_and_shuts_after_speech():
    held = own(gated(sound((10, SPEECH), (6, MUSIC), (10, SPEECH))))
    assert held[2:].min() > 0.9
    shut = own(gated(sound((10, SPEECH), (40, MUSIC))))
    assert (np.diff(shut[10:]) <= 0.0).all()
    assert np.abs(np.diff(shut[10:])).max() < 0.25
    assert not shut[26:].any()


def test_one_window_alone_is_no_speech():
    pcm = sound((60, MUSIC))
    pcm[40 * WINDOW : 41 * WINDOW] = SPEECH
    assert not own(gated(pcm))[25:40].any()
    pcm[40 * WINDOW : 42 * WINDOW] = SPEECH
    assert own(gated(pcm))[25:40].max() == 1.0


def test_each_frame_sees_the_frames_around_it():
    """Row i, column j is the share of frame i + j - PAST, by what frame i may hear."""
    shares = gated(sound((40, MUSIC), (20, SPEECH), (20, ROOM)))
    assert shares[37].tolist() == pytest.approx(sorted(shares[37]))
    assert shares[37, -1] == 1.0
    assert shares[30, -1] == 0.0
    np.testing.assert_allclose(shares[50], 1.0)


def test_memory_does_not_grow():
    gate = SpeechGate(LoudnessScorer(), PAST, AHEAD)
    state = gate.init_state()
    for _ in range(50):
        _, state = gate.step(sound((4, SPEECH)), NOTHING, state)
    assert len(state.scores) == len(state.levels_db) < 40
    assert len(state.rest) < WINDOW
