"""Training the full video model: it learns stage by stage, resumes exactly, distils, and is measured."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from models.strict import check_settings, read_settings  # noqa: E402  (after what may be missing)
from models.video.full.build import VideoModel  # noqa: E402
from models.video.full.net import part_of  # noqa: E402
from models.video.full.samplers import ddim  # noqa: E402
from models.video.full.schedule import Cosine  # noqa: E402
from models.video.planes import Planes  # noqa: E402
from tests.video.networks import random_model  # noqa: E402
from training.common.loop import pace  # noqa: E402
from training.video.clips import ShapeClips  # noqa: E402
from training.video.full.ablation import Ablation, ablate  # noqa: E402
from training.video.full.batch import batches, withheld  # noqa: E402
from training.video.full.config import DropConfig, LossConfig, VideoTraining  # noqa: E402
from training.video.full.consistency import consistency_loss  # noqa: E402
from training.video.full.distil import distil  # noqa: E402
from training.video.full.figures import measure  # noqa: E402
from training.video.full.loss import draw_noisy, video_loss  # noqa: E402
from training.video.full.train import Trainer, open_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")
CONFIGS = Path(__file__).parents[2] / "configs" / "video"
SMALL = {
    "kind": "unet",
    "width": 16,
    "multiply": [1, 2],
    "blocks": 1,
    "attention": [],
    "heads": 2,
    "patch": 2,
}


def run_of(**changes):
    values = {
        "model": {
            "net": SMALL, "side": 16, "window": {"frames": 2, "overlap_percent": 50},
            "sampling": {"sampler": "ddim", "steps": 2, "guidance": 1.0},
        },
        "stages": [
            {"stage": "image", "steps": 25, "batch": 8, "learning_rate": 3e-3, "warmup_steps": 5},
            {"stage": "control", "steps": 35, "batch": 8, "learning_rate": 3e-3, "warmup_steps": 5},
            {"stage": "temporal", "steps": 5, "batch": 4, "frames": 2, "learning_rate": 1e-3},
        ],
        "drop": {"all": 0.0}, "data": "shapes", "ema": 0.9, "precision": "no", "report_every": 10,
        "save_every": 50, "held_out_clips": 4,
        "distil": {"phases": [2, 1], "steps": 2, "batch": 2, "frames": 2, "teacher_steps": 4},
    }  # fmt: skip
    return check_settings(VideoTraining, {**values, **changes}, "test")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return Trainer(run_of(), None, out).train(), out


def test_every_stage_learns(trained):
    done, out = trained
    scalars = [json.loads(line) for line in (out / "scalars.jsonl").read_text().splitlines()]
    held_out = [[line["held_out"] for line in scalars if line.get("stage") == n] for n in range(3)]
    assert held_out[0][-1] < 0.7 * held_out[0][0]
    assert held_out[1][-1] < 0.9 * held_out[1][0]
    assert done.last_loss < done.first_loss
    assert (done.steps, scalars[-1]["step"]) == (65, 65)
    assert (out / "samples.png").stat().st_size > 1000


class Watched(Trainer):
    """Notes which parts of the network each stage changes, and can be broken off."""

    breaks_at = None

    def _run_stage(self, number, done):
        before = {name: value.clone() for name, value in self.model.net.state_dict().items()}
        ended = super()._run_stage(number, done)
        after = self.model.net.state_dict()
        self.changed = [
            *getattr(self, "changed", []),
            {part_of(name) for name in after if not torch.equal(after[name], before[name])},
        ]
        return ended

    def _report(self, line):
        if line["step"] == self.breaks_at:
            raise KeyboardInterrupt
        super()._report(line)


def shortened(run, steps):
    return run.model_copy(
        update={"stages": tuple(stage.model_copy(update={"steps": steps}) for stage in run.stages)}
    )


def test_only_the_stage_in_turn_changes_weights(tmp_path):
    trainer = Watched(shortened(run_of(), 2), None, tmp_path)
    trainer.train()
    assert trainer.changed == [{"image"}, {"control"}, {"temporal"}]


def test_a_run_that_was_broken_off_ends_as_if_it_had_not_been(tmp_path):
    run = shortened(run_of(save_every=4, report_every=3), 5)
    whole = Trainer(run, None, tmp_path / "whole")
    whole.train()
    broken = Watched(run, None, tmp_path / "broken")
    broken.breaks_at = 9
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    again = Trainer(run, None, tmp_path / "broken")
    assert again.step == 8, "in the midst of the second stage"
    again.train()
    one, other = (trainer.ema.net.state_dict() for trainer in (whole, again))
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_given_frames_do_not_count_and_are_nearly_clean():
    model = random_model(window={"frames": 4, "overlap_percent": 50, "held": "clean", "clean_t": 0.1})
    x0, random = torch.randn(64, 4, 3, 8, 8), torch.Generator().manual_seed(0)
    noisy = draw_noisy(model, x0, LossConfig(given=0.5), random)
    begun = ~noisy.counts[:, 0]
    assert 16 < begun.sum() < 48
    assert torch.equal(
        noisy.counts[begun], torch.tensor([False, False, True, True]).expand(int(begun.sum()), 4)
    )
    assert noisy.t[begun, :2].max() <= 0.1 < noisy.t[begun, 2:].max()
    assert noisy.t[~begun].std(dim=1).max() == 0


@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
def test_a_perfect_network_has_no_loss(prediction):
    model = random_model(prediction=prediction, schedule={"kind": "cosine", "end": 0.98})
    clips = ShapeClips(model.spec.layout, 8, 2)
    (batch,) = batches(clips, 4, 0, 1)

    def oracle(x, t, cond):
        alpha, sigma = (part[..., None, None, None] for part in model.spec.schedule.alpha_sigma(t))
        noise = (x - alpha * batch.target) / sigma
        return {"x0": batch.target, "eps": noise, "v": alpha * noise - sigma * batch.target}[prediction]

    perfect = VideoModel(model.spec, oracle, model.codec)
    config = LossConfig(weighting="velocity")
    assert float(video_loss(perfect, batch, "image", config, torch.Generator().manual_seed(0))) < 1e-5
    assert float(video_loss(model, batch, "control", config, torch.Generator().manual_seed(0))) > 0.1


def test_what_is_withheld_is_gone():
    layout = Planes()
    (batch,) = batches(ShapeClips(layout, 16, 2), 40, 0, 1)
    random = torch.Generator().manual_seed(0)
    left = withheld(batch, DropConfig(all=0.2, reference=0.2, warp=0.2), layout, random)
    nothing = ~left.planes.flatten(1).any(1)
    unwarped = ~left.planes[:, :, layout.slices["warp"]].flatten(1).any(1)
    unknown = ~left.reference.flatten(1).any(1)
    assert 0 < nothing.sum() < unwarped.sum() < 40
    assert nothing.sum() < unknown.sum() < 40
    assert bool((unknown | ~nothing).all())
    assert batch.planes[:, :, layout.slices["warp"]].flatten(1).any(1).all()


def test_distillation_pours_a_way_of_many_steps_into_one():
    """The teacher is exact for normal pixels, and its way from ε leads to mean + deviation · ε."""
    mean, deviation, schedule, teacher_steps = 0.4, 0.5, Cosine(), 8

    def teacher(x, t, cond=None):
        alpha, sigma = (part[..., None, None, None] for part in schedule.alpha_sigma(t))
        return mean + deviation**2 * alpha / (alpha**2 * deviation**2 + sigma**2) * (x - alpha * mean)

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.SiLU(), torch.nn.Linear(32, 2))

    def student(x, t):
        gain, offset = net(torch.stack([t, t**2], dim=-1))[..., None, None, None, :].unbind(-1)
        return gain * x + offset

    random = torch.Generator().manual_seed(0)
    parts = {"schedule": schedule, "teacher_steps": teacher_steps, "random": random}
    for steps in (2, 1):
        optimiser = torch.optim.Adam(net.parameters())
        for step in range(300):
            optimiser.param_groups[0]["lr"] = 0.02 * pace(step, 300, 1)
            x0 = mean + deviation * torch.randn(64, 1, 1, 8, 8, generator=random)
            loss = consistency_loss(teacher, student, x0, student_steps=steps, **parts)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    noise = torch.randn(1, 1, 1, 100, 100, generator=random)
    drawn = student(noise, torch.ones(1, 1)).detach()
    solved = ddim(teacher, None, lambda _: noise, schedule, teacher_steps)
    # A regressor would draw nothing but the mean.
    assert float(solved.std()) > 0.35
    torch.testing.assert_close(drawn, solved, atol=0.1, rtol=0)
    with pytest.raises(ValueError, match="no multiple"):
        consistency_loss(teacher, student, x0, student_steps=3, **parts)


def test_students_take_the_steps_they_were_made_for(trained, tmp_path):
    done, _ = trained
    students = list(distil(done.weights, run_of(), None, tmp_path))
    assert [student.steps for student in students] == [2, 1]
    for student in students:
        sampling = VideoModel.load(student.weights).spec.sampling
        assert (sampling.sampler, sampling.steps, sampling.guidance) == ("ddim", student.steps, 1.0)
        assert np.isfinite(student.last_loss)


def test_figures_are_taken_part_by_part():
    truth = np.zeros((3, 3, 8, 8), np.float32)
    semantic = np.zeros((3, 9, 8, 8), np.float32)
    semantic[:, 2, :4], semantic[:, 1, 4:] = 1, 1
    made = truth.copy()
    made[:, :, 4:] = 0.2
    figures = measure(made, truth, semantic)
    assert figures.body_psnr_db == pytest.approx(20)
    assert figures.body_l1 == pytest.approx(0.1)
    assert figures.face_l1 == 0
    assert np.isnan(figures.hands_psnr_db)
    assert figures.l1 == pytest.approx(0.05)
    assert figures.flicker == 0
    made[1] = 0.4
    assert measure(made, truth, semantic).flicker > 0.05


def test_the_ablation_trains_each_variant_and_draws_each_window(tmp_path):
    run = run_of()
    few = run.model_copy(update={"stages": tuple(s.model_copy(update={"steps": 1}) for s in run.stages)})
    names = (("keypoints",), ("dense", "semantic", "warp", "visible"))
    values = {
        "run": few.model_dump(),
        "controls": [{"name": n[-1], "planes": n, "two_stages": len(n) > 1} for n in names],
        "windows": [{"name": "alone", "window": {"frames": 1, "overlap_percent": 0}}],
        "videos": 1, "video_frames": 3,
    }  # fmt: skip
    rows = dict(ablate(check_settings(Ablation, values, "test"), None, tmp_path))
    assert list(rows) == ["keypoints", "visible", "alone"]
    assert all(np.isfinite(figures.psnr_db) for figures in rows.values())
    assert json.loads((tmp_path / "ablation.json").read_text()).keys() == rows.keys()


def test_configurations_are_strict_and_can_be_built(tmp_path):
    presets = sorted(CONFIGS.glob("full-*.yaml"))
    assert len(presets) >= 6
    for path in presets:
        run = read_settings(VideoTraining, path)
        assert run.stages[-1].frames == run.model.window.frames
    assert read_settings(Ablation, CONFIGS / "ablation.yaml").controls[-1].two_stages
    (tmp_path / "bad.yaml").write_text("stages: [{stage: video, steps: 1, batch: 1}]\n")
    with pytest.raises(ValueError, match=r"stages\.0\.stage.*image.*control"):
        read_settings(VideoTraining, tmp_path / "bad.yaml")


def test_packed_runs_need_a_folder():
    with pytest.raises(ValueError, match="folder of packed videos"):
        open_clips(run_of(data="packed"), None, "train", 1)
