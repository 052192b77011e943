"""What opens the mouth: `SpeechGate` with loudness for speech, so that a test can say when there is some."""

import numpy as np
import pytest

from models.motion.stage import SAMPLES_PER_FRAME
from models.speech.gate import SpeechGate
from models.speech.scorer import WINDOW, LoudnessScorer

PAST, AHEAD = 3, 5
NOTHING = np.zeros(0, np.float32)


def sound(*stretches):
    """Stretches of (frames, loud or not)."""
    parts = [np.full(frames * SAMPLES_PER_FRAME, 0.1 * loud, np.float32) for frames, loud in stretches]
    return np.concatenate(parts)


def gated(pcm, sizes=(10_000,), lookahead=AHEAD):
    """The shares that are asked for, in chunks, with all that follows known."""
    gate = SpeechGate(LoudnessScorer(), PAST, lookahead)
    state, rows, at, turn = gate.init_state(), [], 0, 0
    while at < len(pcm):
        end = min(at + sizes[turn % len(sizes)] * SAMPLES_PER_FRAME, len(pcm))
        shares, state = gate.step(pcm[at:end], pcm[end:] if lookahead else NOTHING, state)
        rows.append(shares)
        at, turn = end, turn + 1
    return np.concatenate(rows)


def own(shares):
    return shares[:, PAST]


def test_chunked_equals_whole():
    random = np.random.default_rng(0)
    pcm = sound(*((int(random.integers(1, 20)), bool(random.integers(2))) for _ in range(20)))
    whole = gated(pcm)
    assert 0.2 < own(whole).mean() < 1.0
    for sizes in ((1,), (2, 5), (3, 1, 7)):
        np.testing.assert_allclose(gated(pcm, sizes), whole, atol=1e-6)


def test_without_lookahead_chunks_of_one_equal_the_whole():
    pcm = sound((7, False), (9, True), (25, False), (4, True), (6, False))
    np.testing.assert_allclose(gated(pcm, (1,), 0), gated(pcm, lookahead=0), atol=1e-6)


def test_it_is_shut_in_silence_and_open_in_speech():
    shares = own(gated(sound((25, False), (25, True))))
    assert not shares[:18].any()
    assert (shares[25:] == 1.0).all()


def test_it_opens_before_speech_that_is_known_ahead_and_soon_after_speech_that_is_not():
    pcm = sound((20, False), (20, True))
    assert own(gated(pcm))[18:20].min() > 0.5
    late = own(gated(pcm, lookahead=0))
    assert not late[:20].any()
    assert late[22] == 1.0


def test_it_holds_over_a_pause_in_a_word_and_shuts_after_speech():
    held = own(gated(sound((10, True), (6, False), (10, True))))
    assert held[2:].min() > 0.9
    shut = own(gated(sound((10, True), (40, False))))
    assert (np.diff(shut[10:]) <= 0.0).all()
    assert np.abs(np.diff(shut[10:])).max() < 0.25
    assert not shut[26:].any()


def test_one_window_alone_is_no_speech():
    pcm = sound((40, False))
    pcm[20 * WINDOW : 21 * WINDOW] = 0.1
    assert not gated(pcm).any()
    pcm[20 * WINDOW : 22 * WINDOW] = 0.1
    assert gated(pcm).max() > 0.5


def test_each_frame_sees_the_frames_around_it():
    """Row i, column j is the share of frame i + j - PAST, by what frame i may hear."""
    shares = gated(sound((20, False), (20, True), (20, False)))
    assert shares[17].tolist() == pytest.approx(sorted(shares[17]))
    assert shares[17, -1] == 1.0
    np.testing.assert_allclose(shares[30], 1.0)


def test_memory_does_not_grow():
    gate, state = SpeechGate(LoudnessScorer(), PAST, AHEAD), None
    state = gate.init_state()
    for _ in range(50):
        _, state = gate.step(sound((4, True)), NOTHING, state)
    assert len(state.scores) < 40
    assert len(state.rest) < WINDOW
