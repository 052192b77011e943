"""What is said in a clip is found beside it, or in its name."""

import numpy as np
import pytest

from training.evaluation.grid import sentence_of
from training.evaluation.texts import text_of


def test_grid_names_are_sentences():
    assert sentence_of("bbaf2n") == "bin blue at f two now"
    assert sentence_of("id2_vcd_swwp2s") == "set white with p two soon"


@pytest.mark.parametrize("name", ["holiday", "bbaw2n", "bba"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="bbaf2n"):
        sentence_of(name)


def test_texts_lie_beside_clips_or_in_their_names(tmp_path):
    silence = np.zeros(16_000, np.float32)
    assert text_of(tmp_path / "bbaf2n.mpg", silence) == "bin blue at f two now"
    (tmp_path / "talk.lab").write_text("hello\n there\n")
    assert text_of(tmp_path / "talk.mp4", silence) == "hello there"
