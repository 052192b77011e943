"""The teacher's lips are held against people: on the body, over the speech, and not on whom they fit."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from models.motion.stage import Phone
from training.evaluation.clips import ClipError
from training.teacher.articulation import VISEMES
from training.teacher.calibrate import Settings, cross_validate, grid, main, score_settings, teacher_aperture
from training.teacher.lips import shape_mouth
from training.teacher.subjects import Subject, heard_visemes, phone_visemes, read_subjects, worn_aperture

SAID = (Phone("SIL", 0.0, 0.4), Phone("AA", 0.4, 0.8, 1), Phone("M", 0.8, 1.0), Phone("SIL", 1.0, 2.0))
PRESENT = asdict(Settings())
DEAF = np.eye(15, dtype=np.float32)[np.zeros(50, int)]


def subject(lead_s=0.0, settings=None, speaker="somebody"):
    """Somebody whose lips do what the teacher's would."""
    made = teacher_aperture(phone_visemes(SAID, 50, lead_s), DEAF, settings or Settings())
    return Subject(speaker, made, SAID, DEAF, made)


def test_silence_parts_no_lips():
    quiet = np.zeros((4, 640), np.float32)
    for rows in (phone_visemes((), 4, 0.02), heard_visemes(quiet)):
        mouths = np.array([shape_mouth(row) for row in rows])
        assert worn_aperture(mouths).max() == pytest.approx(0.0, abs=1e-6)


def test_lips_part_in_vowels_and_meet_in_bilabials():
    aperture = subject().truth
    assert aperture[15] > 0.05
    assert aperture[22] < 0.1 * aperture[15]
    assert aperture[40:].max() == pytest.approx(0.0, abs=1e-6)


def test_rounded_lips_part_less_than_open_ones():
    open_, round_ = (np.eye(15, dtype=np.float32)[[VISEMES.index(name)]] for name in ("aa", "U"))
    apart = [float(worn_aperture(np.array([shape_mouth(row[0])]))[0]) for row in (open_, round_)]
    assert apart[1] < 0.5 * apart[0]


def test_whoever_moves_like_the_teacher_is_met_and_whoever_is_late_is_not():
    met, late = (score_settings([subject(lead_s)], [Settings()])[0, 0] for lead_s in (0.0, -0.2))
    assert met == pytest.approx([1.0, 1.0])
    assert (late < 0.6).all()


def test_the_pauses_around_speech_do_not_count_as_speech():
    assert subject().speech == slice(8, 28)


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_of_the_grid_moves_the_lips(name):
    said = [("AA", 0.3), ("S", 0.1), ("N", 0.08), ("AE", 0.07), ("UW", 0.2), ("EH", 0.09)]
    ends_s = np.cumsum([length_s for _, length_s in said])
    phones = tuple(Phone(symbol, end_s - s, end_s) for (symbol, s), end_s in zip(said, ends_s, strict=True))
    humming = np.tile(np.float32(0.5) * np.eye(15, dtype=np.float32)[VISEMES.index("aa")], (20, 1))
    values = {
        getattr(one, name): one for one in grid() if replace(one, **{name: PRESENT[name]}) == Settings()
    }
    assert PRESENT[name] in values
    made = {
        teacher_aperture(phone_visemes(phones, 20, 0.0, one.blend), humming, one).tobytes()
        for one in values.values()
    }
    assert len(made) == len(values) > 1


def test_nobody_is_scored_with_what_was_fitted_to_them():
    suits_a, suits_b = [0.9, 0.1], [0.1, 0.9]
    scores = np.array([[suits_a[i], suits_a[i], suits_b[i], suits_b[i]] for i in (0, 1)])
    both = np.stack([scores, scores - 0.1], axis=2)
    assert cross_validate(["a", "a", "b", "b"], both) == pytest.approx([0.1, 0.0])


def test_an_empty_folder_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "no video" in capsys.readouterr().err


@pytest.mark.corpus
def test_real_lips_follow_the_teachers_more_than_loudness(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    (tmp_path / "sbia1a.mpg").symlink_to(corpus / "clips" / "grid" / "sbia1a.mpg")
    (one,) = read_subjects(tmp_path)
    teacher, loudness = score_settings([one], [Settings()])[0, 0], one.score(one.energy)
    assert (teacher > 0.5).all()
    assert (teacher > loudness).all()


@pytest.mark.corpus
def test_a_clip_with_another_text_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    (tmp_path / "talk.mpg").symlink_to(corpus / "clips" / "grid" / "sbia1a.mpg")
    (tmp_path / "talk.txt").write_text("!")
    with pytest.raises(ClipError, match="cannot be laid"):
        read_subjects(tmp_path)
