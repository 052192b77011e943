"""The two tasks on one generated person: moving beats standing still, and what is measured is measured."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.controls.controls import render_controls
from training.pictures.cycle import cycle
from training.pictures.evaluation.drift import BETWEEN, STATIONS, measure_drift, plot_drift
from training.pictures.evaluation.framed import frame_clip
from training.pictures.evaluation.instruments import Instruments
from training.pictures.evaluation.reenactment import reenact
from training.pictures.evaluation.restoration import ORIGINAL, Plan, pose_seed, restore
from training.pictures.evaluation.sheet import save_sheet
from training.pictures.evaluation.systems import StillPicture, System, open_systems

BARE = Instruments({}, None)


class Whim(StillPicture):
    """A stage that invents noise from its seed."""

    def __init__(self, avatar, seed):
        super().__init__(avatar)
        self._noise = np.random.default_rng(seed).integers(-20, 20, avatar.reference.shape)

    def step(self, motion, state, tier):
        picture, _ = super().step(motion, state, tier)
        return np.clip(picture + self._noise, 0, 255).astype(np.uint8), state


@pytest.fixture(scope="module")
def restored(avatar):
    whim = System("whim", lambda avatar: Whim(avatar, 0), Whim)
    return restore(avatar, [*open_systems(["still", "warp"]), whim], BARE, Plan(seeds=3))


def test_the_warp_restores_more_than_standing_still(restored):
    for region in ("face", "mouth", "eyes"):
        assert restored["warp"][f"{region}_psnr_db"] > restored["still"][f"{region}_psnr_db"] + 2
    assert restored["warp"]["face_ssim"] > restored["still"]["face_ssim"]
    assert restored["warp"]["unseen_psnr_db"] < restored["warp"]["body_psnr_db"]


def test_the_photo_is_sharper_than_what_was_warped_twice(restored):
    assert restored[ORIGINAL]["face_cpbd"] > restored["warp"]["face_cpbd"]
    assert set(restored[ORIGINAL]) == {"full_cpbd", "face_cpbd", "mouth_cpbd"}


def test_only_chance_has_variety(restored):
    assert restored["warp"]["unseen_deviation"] == 0.0
    assert restored["whim"]["unseen_deviation"] == pytest.approx(11.0, abs=2.0)


def test_everybody_has_poses_of_their_own(avatar):
    """Or the mean over many people would be the figure of one pose."""
    stranger = replace(avatar, name="stranger")
    seeds = {
        pose_seed(person, Plan(seed=seed), take)
        for person in (avatar, stranger)
        for seed in (0, 1)
        for take in (0, 1)
    }
    assert len(seeds) == 8
    assert pose_seed(avatar, Plan(), 0) == pose_seed(avatar, Plan(takes=5), 0)


def test_the_way_back_leads_to_the_photo(warp, avatar):
    """The pseudo-reference is another picture, and its motion poses the body as in the photo."""
    task = cycle(warp, 0)
    assert np.abs(task.pseudo.reference.avatar.reference.astype(int) - avatar.reference).mean() > 2
    back = render_controls(task.pseudo.reference, task.motion, 128)
    photo = warp.reference
    there = task.pseudo.reference.pose(task.motion)
    assert np.abs(there.points - photo.points)[photo.depth > 0].mean() < 0.5
    assert 0.5 < back.visible[back.semantic > 0].mean() < 1.0


@pytest.fixture(scope="module")
def acted(moving_clip, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISAVIS_HOME", str(home))
        clip = frame_clip(moving_clip, home / "avatars")
        return clip, reenact(clip, open_systems(["still", "warp"]), BARE, every=3)


def test_the_first_picture_is_the_portrait(acted):
    clip, _ = acted
    first, *rest = clip.pictures()
    assert (first == clip.avatar.reference).all()
    assert len(rest) == 7
    assert np.abs(clip.poses[0].expression - clip.avatar.fit.expression).max() < 1e-3


def test_what_moved_is_moved(acted):
    _, figures = acted
    assert figures["warp"]["mouth_psnr_db"] > figures["still"]["mouth_psnr_db"] + 2
    assert figures["warp"]["landmarks_apart_percent"] < 0.5 * figures["still"]["landmarks_apart_percent"]


def test_steadiness_stands_beside_the_camera(acted):
    _, figures = acted
    assert figures["still"]["face_flicker"] == figures["still"]["face_flicker_beyond"] == 0.0
    assert figures[ORIGINAL]["face_flicker"] > 0
    assert figures["warp"]["jitter_beyond_percent"] == pytest.approx(
        figures["warp"]["jitter_percent"] - figures[ORIGINAL]["jitter_percent"]
    )


class Fading(StillPicture):
    """A stage that darkens a little with every frame."""

    def init_state(self):
        return 0

    def step(self, motion, state, tier):
        picture, _ = super().step(motion, None, tier)
        return np.clip(picture.astype(int) - state // BETWEEN, 0, 255).astype(np.uint8), state + 1


def test_drift_is_seen_and_standing_still_has_none(avatar, tmp_path):
    frames = 2 * BETWEEN * STATIONS + 5
    fading, still = (
        measure_drift(avatar, System(stage.__name__, stage), None, frames) for stage in (Fading, StillPicture)
    )
    assert still.colour.shape == (2, STATIONS, 3)
    assert still.summary()["colour_apart_most"] == 0.0
    assert fading.summary()["colour_apart_last"] == pytest.approx(np.sqrt(3) * STATIONS, rel=0.1)
    pytest.importorskip("matplotlib")
    plot_drift({"fading": fading, "still": still}, tmp_path / "drift.png")
    assert Image.open(tmp_path / "drift.png").width > 500


def test_the_sheet_has_a_row_for_each_system(avatar, tmp_path):
    save_sheet(tmp_path / "sheet.png", [avatar], open_systems(["still", "warp"]))
    width, height = Image.open(tmp_path / "sheet.png").size
    assert width / height == pytest.approx(9 / 2)


def test_the_command_refuses_what_it_cannot_do(run):
    status, _, errors = run("evaluate", "video")
    assert status == 2
    assert "--portraits" in errors


@pytest.mark.corpus
def test_real_people_are_measured(corpus, tmp_path, monkeypatch, run):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))
    folders = ["--portraits", str(corpus / "portraits"), "--skip", "380", "--count", "1"]
    status, output, _ = run("evaluate", "video", *folders, "--lpips", str(tmp_path), "--json")
    assert status == 0
    line = json.loads(output)
    mean = line["portraits"]["mean"]
    assert mean["warp"]["face_psnr_db"] > mean["still"]["face_psnr_db"] > 10
    assert "visavis evaluate fetch" in " ".join(line["missing"])
