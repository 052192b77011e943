"""The network: controls and time begin with saying nothing, and each stage trains its own weights only."""

import pytest

torch = pytest.importorskip("torch")

from models.video.full.build import VideoModel, load_image_weights  # noqa: E402  (after what may be missing)
from models.video.full.layers import ResBlock  # noqa: E402
from models.video.full.net import STAGES, Cond, freeze_but, part_of  # noqa: E402
from models.video.full.temporal import TemporalConv  # noqa: E402
from tests.video.networks import inputs, random_model, shaken, spec  # noqa: E402


def fresh(**changes):
    """Return a network whose base says something, while control and time are as they begin."""
    torch.manual_seed(0)
    model = VideoModel.new(spec(**changes))
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if part_of(name) == "image" and not parameter.any():
                parameter.normal_(0, 0.1)
    return model


def test_a_silent_control_changes_nothing():
    model = fresh()
    planes, reference, x, t = inputs(model)
    features = model.net.control(planes, reference)
    alone, told = model.net(x, t, Cond()), model.net(x, t, Cond(features))
    torch.testing.assert_close(told, alone, atol=0, rtol=0)
    assert alone.std() > 0.01
    shaken(model)
    assert not torch.allclose(model.net(x, t, Cond(model.net.control(planes, reference))), alone, atol=1e-3)


def test_control_begins_as_a_copy_of_the_trained_image_model():
    model = fresh()
    model.net.begin_control()
    own, base = model.net.encoder.encoder.state_dict(), model.net.base.encoder.state_dict()
    copied = [name for name in own if not name.startswith("conv_in.")]
    assert len(copied) > 10
    assert all(torch.equal(own[name], base[name]) for name in copied)
    with torch.no_grad():
        model.net.base.encoder.levels[0].blocks[0].conv1.weight.add_(1.0)
        model.net.encoder.zeros[0].weight.add_(1.0)
    model.net.begin_control()
    same = torch.equal(
        model.net.encoder.encoder.levels[0].blocks[0].conv1.weight,
        model.net.base.encoder.levels[0].blocks[0].conv1.weight,
    )
    assert not same, "what has learned must not be overwritten"


def test_time_begins_with_leaving_every_frame_alone():
    model = fresh()
    _, _, x, t = inputs(model, frames=5)
    clip = model.net(x, t, Cond())
    frames = [model.net(x[:, n : n + 1], t[:, n : n + 1], Cond()) for n in range(5)]
    torch.testing.assert_close(clip, torch.cat(frames, dim=1), atol=1e-6, rtol=1e-5)


def test_trained_time_reaches_one_frame_for_each_level():
    model = random_model()
    _, _, x, t = inputs(model, frames=7)
    changed = x.clone()
    changed[:, 3] += 1
    differs = (model.net(changed, t, Cond()) - model.net(x, t, Cond())).abs().amax(dim=(0, 2, 3, 4))
    assert (differs > 1e-6).tolist() == [False, True, True, True, True, True, False]


def test_time_lies_after_the_first_layer_of_each_level_and_before_the_second_norm():
    net = random_model().net
    with_time = [name for name, part in net.named_modules() if isinstance(part, TemporalConv)]
    assert with_time == ["base.encoder.levels.0.blocks.0.temporal", "base.encoder.levels.1.blocks.0.temporal"]
    block, seen = net.base.encoder.levels[0].blocks[0], {}
    assert isinstance(block, ResBlock)
    for name in ("conv1", "temporal", "norm2"):
        getattr(block, name).register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: (given[0], out)})
        )
    block(torch.randn(4, 8, 8, 8), torch.randn(4, 32), 4)
    assert seen["temporal"][0] is seen["conv1"][1]
    assert seen["norm2"][0] is seen["temporal"][1]


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_reach_the_parameters_of_the_stage_alone(stage):
    model = random_model()
    learning = freeze_but(model.net, stage)
    planes, reference, x, t = inputs(model)
    cond = Cond() if stage == "image" else Cond(model.net.control(planes, reference))
    model.net(x, t, cond).square().mean().backward()
    reached = {name for name, p in model.net.named_parameters() if p.grad is not None and p.grad.any()}
    parts = {"joint": {"control", "temporal"}}.get(stage, {stage})
    assert reached == {name for name, _ in model.net.named_parameters() if part_of(name) in parts}
    assert len(learning) == len(reached)


def test_an_unknown_stage_is_told_the_choices():
    with pytest.raises(ValueError, match="image, control, temporal, joint"):
        freeze_but(random_model().net, "video")


def test_weights_come_back_and_strangers_are_refused(tmp_path):
    model = random_model(1)
    model.save(tmp_path / "a.safetensors")
    again = VideoModel.load(tmp_path / "a.safetensors")
    assert again.spec == model.spec
    planes, reference, x, t = inputs(model)
    said = [m.net(x, t, Cond(m.net.control(planes, reference))) for m in (model, again)]
    torch.testing.assert_close(*said)
    other = random_model(2, planes=["dense"])
    load_image_weights(other.net, tmp_path / "a.safetensors")
    image = {name: value for name, value in model.net.state_dict().items() if part_of(name) == "image"}
    assert all(torch.equal(other.net.state_dict()[name], value) for name, value in image.items())
    wider = random_model(2, net={"kind": "unet", "width": 16, "multiply": [1, 2], "attention": []})
    with pytest.raises(ValueError, match="no image model of these sizes"):
        load_image_weights(wider.net, tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"side": 9}, "no multiple of 2"),
        ({"prediction": "eps"}, "schedule.end"),
        ({"low_side": 3}, "low_side"),
        ({"planes": ["depth"]}, "keypoints"),
        ({"window": {"frames": 6, "overlap_percent": 25}}, "whole number of frames"),
        ({"net": {"kind": "unet", "width": 8, "heads": 3}}, "heads"),
        ({"net": {"kind": "unet", "width": 8, "depth": 3}}, "depth"),
    ],
)
def test_impossible_models_are_explained(changes, told):
    with pytest.raises(ValueError, match=told):
        spec(**changes)
