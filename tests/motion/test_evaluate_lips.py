import json

import numpy as np
import pytest

from models.motion.lips import shape_mouth
from training.evaluate_lips import by_frame, heard_visemes, main, parting, phone_visemes, sentence_of


def test_grid_names_are_sentences():
    assert sentence_of("bbaf2n") == "bin blue at f two now"
    assert sentence_of("id2_vcd_swwp2s") == "set white with p two soon"


@pytest.mark.parametrize("name", ["holiday", "bbaw2n", "bba"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="bbaf2n"):
        sentence_of(name)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no \.mpg"):
        main([str(tmp_path)])


def test_sound_is_cut_and_padded():
    assert by_frame(np.ones(1000, np.float32), 3).sum() == 1000
    assert by_frame(np.ones(5000, np.float32), 3).sum() == 1920


def test_silence_parts_no_lips():
    quiet = np.zeros((4, 640), np.float32)
    for rows in (phone_visemes((), 4, 0.02), heard_visemes(quiet)):
        assert max(parting(shape_mouth(row)) for row in rows) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.corpus
def test_rules_beat_loudness_on_real_people(corpus, tmp_path, capsys):
    (tmp_path / "sbia1a.mpg").symlink_to(corpus / "clips" / "grid" / "sbia1a.mpg")
    main([str(tmp_path), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert len(result["clips"]) == 1
    assert result["mean"]["rules"] > 0.3
    assert result["mean"]["rules"] > result["mean"]["energy"]
