"""Agreement with the teacher on fluent speech: of held-out voices alone, each with a teacher of its own."""

import json
import wave

import numpy as np
import pytest

from tests.motion.voices import buzz, sentence
from training.corpus.plan import Line, is_held_out, split_lines
from training.corpus.sound import to_int16
from training.corpus.utterance import Utterance
from training.evaluation.drive import Pace
from training.evaluation.fluent import (
    OTHER_PERSON,
    FluentClip,
    held_out_recordings,
    means_over,
    measure_utterance,
)
from training.evaluation.systems import open_systems


@pytest.fixture(scope="module")
def clip():
    phones = sentence(times=2)
    said = Utterance("buzzer", "", to_int16(buzz(phones)), phones)
    systems = open_systems(["rules", "energy", "mean"], Pace())
    return measure_utterance("buzz", said, systems, systems[0], seeds=2)


def test_the_teacher_agrees_with_itself_more_than_with_another_person(clip):
    figures = {name: of["aperture_correlation"] for name, of in clip.systems.items()}
    assert figures["rules"] == pytest.approx(1.0)
    assert 0.5 < figures[OTHER_PERSON] < 0.9999
    assert figures["energy"] < figures[OTHER_PERSON]
    assert figures["mean"] == 0.0


def test_one_clip_is_one_line(clip):
    line = json.loads(clip.as_json())
    assert line["clip"] == "buzz"
    assert line["systems"]["rules"]["closure_recall"] > 0.85


def test_closures_count_by_the_sounds_said():
    rows = [
        {"aperture_correlation": 0.2, "bilabials": 1.0, "closure_recall": 0.0},
        {"aperture_correlation": 0.4, "bilabials": 3.0, "closure_recall": 1.0},
        {"aperture_correlation": 0.6, "bilabials": 0.0, "closure_recall": float("nan")},
    ]
    mean = means_over([FluentClip("", "", 1.0, {"diffusion": row}) for row in rows])["diffusion"]
    assert mean == pytest.approx({"aperture_correlation": 0.4, "bilabials": 4.0, "closure_recall": 0.75})


def test_what_is_measured_is_what_is_never_trained_on(tmp_path):
    voices = [f"reader-{number}" for number in range(60)]
    for voice in voices:
        (tmp_path / voice).mkdir()
        with wave.open(str(tmp_path / voice / "a.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(np.zeros(160, np.int16).tobytes())
    measured = {recording.voice for recording in held_out_recordings(tmp_path)}
    lines = [Line(voice, f"{voice}-a", 1.0) for voice in voices]
    splits = split_lines(lines)
    assert measured
    assert measured == {line.voice for line in splits["val"]}
    assert not any(is_held_out(line.voice) for line in splits["train"])


def test_a_folder_of_known_voices_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match="held out"):
        held_out_recordings(tmp_path)
