import numpy as np
from openfacefx.phonemes import ARPABET

from models.motion.frame import EXPRESSION_INDEX
from models.motion.stage import Phone
from tests.motion.voices import sentence
from training.teacher.articulation import VISEMES, phone_mapping, viseme_weights
from training.teacher.lips import BLOCK_FRAMES, LipsState, shape_mouth, visemes_at


def curves(phones, frames, state=None):
    state, rows = state or LipsState(), []
    for frame in range(frames):
        row, state = visemes_at(phones, frame, 1, state)
        rows.append(row)
    return np.array(rows)


def test_every_phone_has_a_mouth():
    for symbol in sorted(ARPABET):
        assert phone_mapping().row(symbol), symbol
        assert phone_mapping().row(symbol) != phone_mapping().row("sil"), symbol


def test_visemes_move_both_sides_alike():
    table = viseme_weights()
    for name, index in EXPRESSION_INDEX.items():
        if name.endswith("Left") and name != "mouthLeft" and name != "jawLeft":
            np.testing.assert_array_equal(table[:, index], table[:, EXPRESSION_INDEX[name[:-4] + "Right"]])


def test_the_mouth_at_a_time_depends_on_near_phones_only():
    phones = sentence(times=4)
    shifted = tuple(Phone(p.symbol, p.start_s, p.end_s, p.stress) for p in phones[: len(phones) // 2])
    end = int((shifted[-1].end_s - 1.2) * 25)
    np.testing.assert_array_equal(curves(phones, end), curves(shifted, end))


def test_blocks_meet_without_a_seam():
    phones = sentence(times=3)
    rows = curves(phones, 150)
    steps = np.abs(np.diff(rows, axis=0)).max(axis=1)
    seams = steps[BLOCK_FRAMES - 1 :: BLOCK_FRAMES]
    assert seams.mean() < 1.25 * steps.mean()


def test_corrected_phones_are_solved_again():
    phones = sentence()
    _, state = visemes_at(phones, 9, 1, LipsState())
    other = tuple(Phone("UW", p.start_s, p.end_s) if p.symbol != "SIL" else p for p in phones)
    after, _ = visemes_at(other, 9, 1, state)
    fresh, _ = visemes_at(other, 9, 1, LipsState())
    np.testing.assert_array_equal(after, fresh)


def test_rounding_comes_before_its_sound():
    phones = (Phone("SIL", 0.0, 0.6), Phone("W", 0.6, 0.7), Phone("AA", 0.7, 0.9, 1), Phone("SIL", 0.9, 1.5))
    rows = curves(phones, 36)
    assert rows[13, VISEMES.index("U")] > 0.25
    assert rows[5, VISEMES.index("sil")] > 0.9
    assert rows[34, VISEMES.index("sil")] > 0.9


def test_lips_meet_over_an_open_jaw():
    both = np.zeros(15, np.float32)
    both[[VISEMES.index("PP"), VISEMES.index("aa")]] = 0.9, 0.5
    mouth = shape_mouth(both)
    assert mouth[EXPRESSION_INDEX["jawOpen"]] == mouth[EXPRESSION_INDEX["mouthClose"]] > 0.0
    assert mouth[EXPRESSION_INDEX["mouthLowerDownLeft"]] == 0.0


def test_loud_speech_opens_wider():
    vowel = viseme_row("aa")
    quiet, loud = (shape_mouth(vowel, opening)[EXPRESSION_INDEX["jawOpen"]] for opening in (0.8, 1.1))
    assert loud > 1.2 * quiet


def viseme_row(name):
    row = np.zeros(15, np.float32)
    row[VISEMES.index(name)] = 1.0
    return row


def test_nothing_said_is_a_closed_mouth():
    np.testing.assert_allclose(shape_mouth(curves((), 3)[2]), 0.0, atol=1e-6)
