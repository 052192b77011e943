"""The whole measurement: on generated sound, by its command, and on a real person."""

import json

import numpy as np
import pytest

from models.motion.stage import Phone
from tests.motion.voices import buzz, sentence
from training.corpus.utterance import Utterance
from training.evaluation.drive import Pace
from training.evaluation.generated import measure_generated
from training.evaluation.learned import short
from training.evaluation.report import Report
from training.evaluation.sounds import LEVEL, other_sounds
from training.evaluation.systems import open_systems


@pytest.fixture(scope="module")
def answer():
    phones = sentence()
    return Utterance("buzzer", "", (32767 * buzz(phones)).astype(np.int16), phones)


@pytest.fixture(scope="module")
def results(answer):
    systems = open_systems(["energy", "mean", "rules", "rules-sound"], Pace())
    return {
        system.name: measure_generated(system, [answer], 2, other_s=1.0, idle_s=2.0) for system in systems
    }


def test_known_phones_close_the_lips(results):
    assert results["rules"].speech.closures.recall > 0.85
    assert results["rules"].speech.closures.spoken == 2 * 6
    assert results["mean"].speech.closures.recall == 0.0


def test_silence_opens_no_mouth(results):
    for result in results.values():
        assert result.openings["silence"] == pytest.approx(0.0, abs=1e-3)
        assert result.idle["opening"] == pytest.approx(0.0, abs=1e-3)


def test_loudness_takes_noise_for_speech(results):
    assert results["energy"].openings["white noise"] > 0.3


def test_seeds_differ_only_where_there_is_chance(results):
    assert results["rules"].speech.figures["expression_apd"] > 0.05
    assert np.isnan(results["energy"].speech.figures["expression_apd"])


def test_other_sounds_have_the_level_of_speech():
    sounds = other_sounds(2.0)
    assert not sounds.pop("silence").any()
    for name, sound in sounds.items():
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(LEVEL, rel=0.6), name
        assert sound.dtype == np.float32


def test_the_report_is_one_line_without_nan(results):
    report = Report(tuple(results), 2, Pace(), generated=results)
    line = report.as_json()
    assert "NaN" not in line
    assert json.loads(line)["generated"]["energy"]["speech"]["blink_ms"] is None


def test_unknown_systems_are_told_the_choices():
    with pytest.raises(ValueError, match=r"energy.*package\.module:factory"):
        open_systems(["nonsense"], Pace())
    (system,) = open_systems(["models.motion.stage:StillMotion"], Pace())
    assert system.move(np.zeros(640, np.float32), (Phone("SIL", 0.0, 0.04),), 0).shape == (1, 98)


def test_options_of_the_learned_stage_are_known(tmp_path):
    with pytest.raises(ValueError, match=r"no option speed.*weights, .*steps"):
        open_systems(["diffusion:speed=2"], Pace())
    with pytest.raises(OSError, match="absent"):
        open_systems([f"diffusion-phones:weights={tmp_path / 'absent.safetensors'},steps=4"], Pace())
    assert short(f"weights={tmp_path / 'bold.safetensors'},steps=4") == "bold,steps=4"


def test_the_command_explains_itself(run):
    status, output, _ = run("evaluate", "motion", "--help")
    assert status == 0
    assert "--lookahead-ms" in output


def test_a_folder_without_videos_is_refused(run, tmp_path):
    status, _, errors = run("evaluate", "motion", "--clips", str(tmp_path), "--system", "energy")
    assert status == 2
    assert "no video" in errors


@pytest.mark.corpus
def test_real_lips_follow_rules_more_than_loudness(corpus, tmp_path, monkeypatch, run):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "sbia1a.mpg").symlink_to(corpus / "clips" / "grid" / "sbia1a.mpg")
    arguments = ["--clips", str(tmp_path / "clips"), "--seeds", "1", "--json", "--clips-only"]
    systems = ["--system", "energy", "--system", "rules"]
    status, output, _ = run("evaluate", "motion", *arguments, *systems, "--sheet", str(tmp_path / "a.png"))
    assert status == 0
    result = json.loads(output)
    scores = result["clips"][0]["systems"]
    assert scores["rules"]["aperture_correlation"] > scores["energy"]["aperture_correlation"] > 0.2
    assert scores["worn"]["aperture_correlation"] > 0.9
    assert scores["tracked"]["closure_recall"] == 1.0
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert list((tmp_path / "home" / "tracks").iterdir())
