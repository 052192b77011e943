import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from models.audio import log_mel  # noqa: E402  (after the imports that may be missing)
from models.motion.diffusion.network import MotionNetwork  # noqa: E402
from models.motion.diffusion.shape import PRESENCES, NetShape  # noqa: E402
from models.motion.diffusion.stage import DiffusionMotion, Sampling  # noqa: E402
from models.motion.frame import EXPRESSION_INDEX, MOTION_SIZE  # noqa: E402
from models.motion.stage import Presence, SpeechChunk  # noqa: E402
from models.motion.style import Style  # noqa: E402
from training.evaluation.generated import GeneratedResult  # noqa: E402
from training.evaluation.report import Report  # noqa: E402
from training.motion.ablations import PACES, VARIANTS, ablate, changed, find_variants  # noqa: E402
from training.motion.checkpoint import load_net, save_net, ship  # noqa: E402
from training.motion.config import DistilConfig, MotionTraining, load_training  # noqa: E402
from training.motion.data import Clips, ahead_of, load_conversations  # noqa: E402
from training.motion.distil import distil  # noqa: E402
from training.motion.network import Heard, MotionNet  # noqa: E402
from training.motion.train import Trainer  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")
SHAPE = NetShape(width=16, heads=2, window_frames=9, past_frames=2, ahead_frames=3, column_size=8, hidden=12)
CONFIGS = Path(__file__).parents[2] / "configs" / "motion"
SPEAKING = PRESENCES.index(Presence.SPEAKING)
JAW = EXPRESSION_INDEX["jawOpen"]


def tones(random, frames):
    """A voice of bursts of noise; the jaw opens with each, 80 ms early."""
    loud = np.repeat(random.random(frames // 5 + 2) < 0.5, 5)[: frames + 2].astype(np.float32)
    pcm = random.normal(0.0, 0.1, frames * 640).astype(np.float32) * np.repeat(loud[:frames], 640)
    return pcm, loud[2:]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        for number in range(count):
            pcm, jaw = tones(random, 150)
            motion = np.zeros((150, MOTION_SIZE), np.float16)
            motion[:, JAW] = 0.6 * jaw
            path = folder / "packed" / split / f"{number}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(
                {
                    "mel": log_mel(pcm)[None].astype(np.float16),
                    "motion": motion,
                    "presence": np.full(150, SPEAKING, np.uint8),
                    "phones": np.ones(600, np.uint8),
                    "style": Style.draw(number).vector(),
                },
                path,
            )
    return folder


def random_net():
    torch.manual_seed(0)
    net = MotionNet(SHAPE)
    for parameter in net.parameters():
        parameter.data = torch.randn_like(parameter) * parameter.shape[-1] ** -0.5
    return net


def test_numpy_and_torch_run_the_same_network(tmp_path):
    net, frames = random_net(), 30
    save_net(net, tmp_path / "m.safetensors", whole=True)
    network = MotionNetwork.load(tmp_path / "m.safetensors")
    columns = 4 * (frames + SHAPE.past_frames + SHAPE.ahead_frames)
    heard = Heard(
        torch.randn(2, columns, 80), torch.randint(0, 9, (1, columns)).repeat(2, 1),
        torch.randint(0, 4, (1, frames)).repeat(2, 1), torch.randint(0, 4, (1, frames)).repeat(2, 1),
        torch.randn(1, SHAPE.style_size).repeat(2, 1), torch.tensor([False, True]),
    )  # fmt: skip
    x, past = torch.randn(2, 1, frames, MOTION_SIZE).repeat(1, 2, 1, 1).unbind()
    t = torch.rand(1, frames).repeat(2, 1)
    with torch.no_grad():
        condition = net.condition(heard, net.hear(heard))
        cached = net.past(past, torch.tensor([0.5, 0.5]), torch.tensor([0.1, 0.1]), condition)
        whole = net(x, t, condition, cached).numpy()
    heard_columns, cache = network.hear_columns(heard.mel[0].numpy()), network.init_cache(2)
    for i in range(frames):
        known = 4 * (SHAPE.past_frames + 1 + int(heard.ahead[0, i]))
        condition = network.condition(
            heard_columns[4 * i : 4 * i + known],
            heard.phones[0, 4 * i : 4 * i + SHAPE.window_columns].numpy().astype(np.uint8),
            int(heard.presence[0, i]), heard.style[0].numpy(), 2,
        )  # fmt: skip
        begun = network.begin(0.5, 0.1, condition, cache)
        x0_hat = network.denoise(x[0, i].numpy(), float(t[0, i]), begun, cache)
        np.testing.assert_allclose(x0_hat, whole[:, i], atol=2e-5)
        cache = network.remember(past[0, i].numpy(), 0.5, 0.1, condition, cache)


def test_no_frame_sees_its_own_clean_self_or_the_future():
    net, x, t = random_net(), torch.randn(1, 12, MOTION_SIZE), torch.rand(1, 12)
    condition, past = torch.randn(1, 12, 16), torch.randn(1, 12, MOTION_SIZE, requires_grad=True)
    out = net(x, t, condition, net.past(past, torch.tensor([0.5]), torch.tensor([0.1]), condition))
    out[0, 6].sum().backward()
    assert past.grad[0, 6:].abs().max() == 0.0
    assert past.grad[0, 3:6].abs().min() > 0.0


def test_only_known_speech_lies_ahead():
    presence = torch.tensor([[0, SPEAKING, SPEAKING, SPEAKING, 1, SPEAKING, SPEAKING]])
    assert ahead_of(presence, 3).tolist() == [[0, 2, 1, 0, 0, 3, 3]]
    assert ahead_of(presence, 0).tolist() == [[0] * 7]


def test_clips_line_sound_up_with_motion(corpus):
    run = MotionTraining()
    clips = Clips(load_conversations(corpus / "packed" / "train"), SHAPE, 40, run.drop, 0)
    batch = clips.draw(8, vary=False)
    loudness = batch.heard.mel[:, 4 * SHAPE.past_frames :].mean(dim=2)[:, : 4 * 40 : 4]
    jaw = batch.motion[:, :, JAW]
    pairs = torch.stack([loudness[:, 3:-2].flatten(), jaw[:, 1:-4].flatten()])
    assert torch.corrcoef(pairs)[0, 1] > 0.8
    assert not batch.heard.deaf.any()


def test_a_tiny_run_learns_resumes_and_is_repeatable(corpus, tmp_path):
    tiny = load_training(CONFIGS / "tiny.yaml")
    net = tiny.net.model_copy(update={"width": 32, "hidden": 32})
    run = tiny.model_copy(
        update={"net": net, "steps": 60, "report_every": 20, "save_every": 30, "clip_frames": 32, "batch": 4}
    )
    done = Trainer(run, corpus, tmp_path / "a").train()
    assert done.last_loss < 0.5 * done.first_loss
    scalars = [json.loads(line) for line in (tmp_path / "a" / "scalars.jsonl").read_text().splitlines()]
    assert [line["step"] for line in scalars] == [20, 40, 60]

    motion = DiffusionMotion(done.weights, Sampling("ddim", 2))
    pcm, jaw = tones(np.random.default_rng(5), 120)
    frames, _ = motion.step(SpeechChunk(pcm, Presence.SPEAKING, segment=1), motion.init_state(0))
    shown = [frame.expression[JAW] for frame in frames]
    assert np.corrcoef(shown[5:-5], jaw[5:-5])[0, 1] > 0.6

    again = Trainer(run, corpus, tmp_path / "b").train()
    assert again.last_loss == pytest.approx(done.last_loss, rel=1e-3)
    longer = Trainer(run.model_copy(update={"steps": 62}), corpus, tmp_path / "a")
    assert longer.step == 60
    assert longer.train().last_loss == pytest.approx(done.last_loss, rel=0.2)

    config = DistilConfig(steps=4, teacher_steps=2, guidance=1.5)
    student = distil(done.weights, run.model_copy(update={"distil": config}), corpus, tmp_path / "c")
    assert student.last_loss < 0.2
    assert load_net(student.weights).shape == run.net.shape()


def test_one_seed_gives_the_same_weights_to_the_bit_also_when_it_was_interrupted(corpus, tmp_path):
    tiny = load_training(CONFIGS / "tiny.yaml")
    net = tiny.net.model_copy(update={"width": 16, "hidden": 16})
    few = {"net": net, "steps": 6, "report_every": 6, "save_every": 3, "clip_frames": 32, "batch": 2}
    run = tiny.model_copy(update=few)

    def shipped(name, seed=0, stop=None):
        out = tmp_path / name
        if stop is not None:
            Trainer(run, corpus, out).train(stop)
        done = Trainer(run.model_copy(update={"seed": seed}), corpus, out).train()
        assert ship(done.weights, out / "shipped.safetensors")
        return (out / "shipped.safetensors").read_bytes()

    whole = shipped("whole")
    assert shipped("again") == whole
    assert shipped("interrupted", stop=3) == whole
    assert shipped("other", seed=1) != whole


def test_each_ablation_changes_what_it_says_and_is_measured(corpus, tmp_path):
    tiny = load_training(CONFIGS / "tiny.yaml")
    net = tiny.net.model_copy(update={"width": 16, "hidden": 16})
    few = {"net": net, "steps": 2, "report_every": 2, "save_every": 2, "clip_frames": 32, "batch": 2}
    run, seen = tiny.model_copy(update=few), []

    for variant in VARIANTS:
        varied = changed(run, variant.change)
        assert (varied == run) == (variant.name == "whole")
        assert varied.net == run.net
    with pytest.raises(ValueError, match="no temporal loss"):
        find_variants(["no loss"])

    def measure(names, clips, seeds, pace, progress, *, generated):
        seen.append((names[0], pace))
        return Report((names[0],), seeds, pace, generated={names[0]: GeneratedResult(None, {}, {}, {})})

    chosen = find_variants(["no guidance", "whole"])
    lines = list(ablate(run, chosen, corpus, tmp_path, None, 1, lambda *_: None, measure))
    assert [line.name for line in lines] == ["no guidance"] + ["whole"] * len(PACES)
    assert "guidance=1" in seen[0][0]
    assert "guidance" not in seen[1][0]
    assert [pace for _, pace in seen[1:]] == list(PACES)
    assert json.loads(lines[0].as_json())["held_out_loss"] > 0.0


def test_configurations_are_strict(tmp_path):
    for path in CONFIGS.glob("*.yaml"):
        assert load_training(path).net.shape().layers == 4
    (tmp_path / "bad.yaml").write_text("net: {depth: 3}\n")
    with pytest.raises(ValueError, match=r"net\.depth"):
        load_training(tmp_path / "bad.yaml")
