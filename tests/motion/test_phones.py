from itertools import pairwise

import numpy as np

from models.motion.phones import COLUMN_S, PHONES, phone_columns, phone_id
from models.motion.stage import Phone
from tests.motion.voices import sentence


def ids(text):
    return [PHONES.index(symbol) + 1 for symbol in text.split()]


def test_columns_hold_the_phone_in_their_middle():
    phones = (Phone("SIL", 0.0, 0.024), Phone("B", 0.024, 0.036), Phone("AA", 0.036, 0.06, 1))
    assert phone_columns(phones, 0, 8).tolist() == [*ids("SIL SIL B B AA AA"), 0, 0]


def test_before_and_after_the_utterance_nothing_is_known():
    columns = phone_columns(sentence(), -5, 1000)
    assert not columns[:5].any()
    assert columns[5] == phone_id(Phone("SIL", 0.0, 1.0))
    assert not columns[round(sentence()[-1].end_s / COLUMN_S) + 5 :].any()
    assert not phone_columns((), 0, 12).any()


def test_cut_anywhere_columns_are_the_same():
    whole = phone_columns(sentence(), -7, 400)
    cuts = [-7, -3, 0, 1, 14, 15, 60, 199, 300, 393]
    parts = [phone_columns(sentence(), a, b - a) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_unstressed_ah_is_told_apart_and_strangers_are_unknown():
    assert phone_id(Phone("AH", 0.0, 0.1)) == ids("AX")[0]
    assert phone_id(Phone("AH", 0.0, 0.1, 1)) == ids("AH")[0]
    assert phone_id(Phone("?", 0.0, 0.1)) == 0
