"""What is printed: means, gains over the warp, one line without NaN."""

import json

import numpy as np
import pytest
from rich.console import Console

from training.pictures.evaluation.drift import Drift
from training.pictures.evaluation.report import Report, gains
from training.pictures.evaluation.restoration import ORIGINAL, Plan

SCORES = {
    name: {
        ORIGINAL: {"face_cpbd": 0.5},
        "warp": {"face_psnr_db": warp, "hands_psnr_db": float("nan")},
        "learned": {"face_psnr_db": warp + gain, "hands_psnr_db": 20.0},
    }
    for name, warp, gain in (("one", 25.0, 2.0), ("two", 31.0, 4.0))
}


@pytest.fixture
def report():
    drift = Drift(np.ones((3, 8, 3)), np.full((3, 8), np.nan), np.ones((3, 8)))
    return Report(
        ("warp", "learned"), Plan(), portraits=SCORES, drift={"warp": drift}, refused={"x.jpg": "no face"}
    )


def test_one_line_holds_everything(report):
    line = report.as_json()
    assert "NaN" not in line
    assert "\n" not in line
    told = json.loads(line)
    assert told["portraits"]["mean"]["warp"]["face_psnr_db"] == 28.0
    assert told["portraits"]["mean"]["warp"]["hands_psnr_db"] is None
    assert told["portraits"]["each"]["two"]["learned"]["face_psnr_db"] == 35.0
    assert told["clips"]["mean"] == {}
    assert told["drift"]["warp"]["colour_apart_last"] == 0.0
    assert told["drift"]["warp"]["identity_change"] is None


def test_gains_are_of_pairs():
    """Portraits differ more among one another than systems do; pairs leave that out."""
    found = gains(SCORES)
    assert found["learned"]["face_psnr_db"] == [3.0, pytest.approx(1.0)]
    assert np.isnan(found["learned"]["hands_psnr_db"]).all()
    assert "warp" not in found


def test_tables_name_refused_pictures(report):
    console = Console(record=True, width=160)
    report.show(console)
    text = console.export_text()
    assert "mean of 2 portraits" in text
    assert "28" in text
    assert "x.jpg: no face" in text
    assert "re-enactment" not in text
