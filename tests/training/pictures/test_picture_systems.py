"""Systems by name, and what messages say where a name is wrong."""

import numpy as np
import pytest

from models.motion.frame import MotionFrame
from models.picture import Tier
from training.pictures.evaluation.instruments import open_instruments
from training.pictures.evaluation.portraits import find_portraits
from training.pictures.evaluation.run import Wish, run
from training.pictures.evaluation.systems import open_systems, parse_options


def test_unknown_systems_are_told_the_choices():
    with pytest.raises(ValueError, match=r"still, warp, learned, regressor, and any package\.module:factory"):
        open_systems(["nonsense"])
    with pytest.raises(ValueError, match="takes no options"):
        open_systems(["warp:steps=2"])


def test_options_of_the_learned_stage_are_known(tmp_path):
    for options, told in (
        ("speed=2", "steps=…, runtime=…, weights=…"),
        ("steps=3", "there are: 1, 2, 4"),
        ("runtime=magic", "auto, openvino-int8, openvino, torch"),
    ):
        with pytest.raises(ValueError, match=told):
            open_systems([f"learned:{options}"])
    with pytest.raises(OSError, match="absent"):
        open_systems([f"learned:weights={tmp_path / 'absent.safetensors'}"])


def test_a_system_named_twice_is_measured_once():
    assert [system.name for system in open_systems(["warp", "still", "warp"])] == ["warp", "still"]


def test_any_stage_can_be_measured(avatar):
    (system,) = open_systems(["training.pictures.evaluation.systems:StillPicture"])
    stage = system.open(avatar)
    picture, _ = stage.step(MotionFrame.named({"jawOpen": 0.5}), stage.init_state(), Tier.FULL)
    assert stage.size == avatar.side
    assert (picture == avatar.reference).all()


def test_options_are_split_and_checked():
    assert parse_options("steps=2,runtime=torch", ("steps", "runtime")) == {"steps": "2", "runtime": "torch"}
    for wrong in ("speed=2", "steps", "steps="):
        with pytest.raises(ValueError, match="steps=…, runtime=…"):
            parse_options(wrong, ("steps", "runtime"))


def test_portraits_are_counted_by_name(tmp_path):
    for name in ("b.png", "a.JPG", "c.webp", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.stem for path in find_portraits(tmp_path, skip=1)] == ["b", "c"]
    assert [path.stem for path in find_portraits(tmp_path, count=1)] == ["a"]
    with pytest.raises(ValueError, match="holds 3 photos"):
        find_portraits(tmp_path, skip=3)


def test_absent_instruments_are_told(tmp_path):
    told = open_instruments(tmp_path).missing
    assert "LPIPS (alex) is not measured" in told[0]
    assert "visavis evaluate fetch" in told[0]


def test_wishes_that_cannot_be_met(tmp_path):
    def refuse(match, **wish):
        with pytest.raises(ValueError, match=match):
            run(Wish(**wish), lambda *_: None)

    refuse("--portraits or --clips")
    refuse("sheet and drift", clips=tmp_path, sheet=tmp_path / "sheet.png")
    refuse("no video", clips=tmp_path)
    (tmp_path / "noise.png").write_bytes(np.zeros(9, np.uint8).tobytes())
    refuse("nothing could be measured", portraits=tmp_path, cache=tmp_path / "cache")
