"""Control and time on Stable Diffusion's own classes, with small random weights."""

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from models.strict import check_settings  # noqa: E402  (after what may be missing)
from models.video.full.build import VideoModel  # noqa: E402
from models.video.full.diffusers_backend import ConvThenTime, StableMissingError  # noqa: E402
from models.video.full.net import Cond, freeze_but, part_of  # noqa: E402
from models.video.full.spec import FullSpec  # noqa: E402
from models.video.full.window import Outpainter  # noqa: E402
from tests.video.networks import shaken  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
TIMES = torch.tensor([[0.3, 0.3, 0.7]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stable")
    torch.manual_seed(0)
    diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 32, 32, 32), layers_per_block=1, cross_attention_dim=8,
        attention_head_dim=4, norm_num_groups=8,
    ).save_pretrained(folder / "unet")  # fmt: skip
    diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=4,
    ).save_pretrained(folder / "vae")  # fmt: skip
    return folder


def spec(folder):
    values = {
        "net": {"kind": "stable", "pretrained": str(folder), "prompt_tokens": 3}, "side": 64,
        "schedule": {"kind": "scaled_linear"}, "prediction": "eps", "planes": ["dense", "warp"],
        "window": {"frames": 2, "overlap_percent": 50},
        "sampling": {"sampler": "ddim", "steps": 1, "guidance": 1.0},
    }  # fmt: skip
    return check_settings(FullSpec, values, "test")


@pytest.fixture
def model(folder):
    torch.manual_seed(1)
    return VideoModel.new(spec(folder))


def clip(frames=3):
    torch.manual_seed(2)
    return torch.randn(1, frames, 6, 64, 64), torch.randn(1, 3, 64, 64), torch.randn(1, frames, 4, 8, 8)


@torch.no_grad()
def test_it_begins_as_the_image_model_it_stands_on(model, folder):
    plain = diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    planes, reference, x = clip()
    theirs = plain(x[0], 999 * TIMES[0], torch.zeros(3, 3, 8), return_dict=False)[0]
    ours = model.net(x, TIMES, Cond(model.net.control(planes, reference)))
    torch.testing.assert_close(ours[0], theirs, atol=1e-5, rtol=1e-4)
    shaken(model, parts=("control", "temporal"))
    told = model.net(x, TIMES, Cond(model.net.control(planes, reference)))
    assert not torch.allclose(told[0], theirs, atol=1e-2)


@torch.no_grad()
def test_every_block_has_time_after_its_first_layer(model):
    firsts = [block.resnets[0].conv1 for block in model.net.base.down_blocks]
    assert all(isinstance(first, ConvThenTime) for first in firsts)
    others = [p for p in model.net.modules() if isinstance(p, ConvThenTime)]
    assert len(others) == len(firsts) == 4
    shaken(model, parts=("control", "temporal"))
    _, _, x = clip()
    changed = x.clone()
    changed[:, 2] += 1
    said, other = (model.net(noisy, TIMES, Cond()) for noisy in (x, changed))
    assert not torch.allclose(said[:, 0], other[:, 0], atol=1e-4), "four levels reach two frames back"


@pytest.mark.parametrize("stage", ["control", "temporal"])
def test_gradients_reach_the_parameters_of_the_stage_alone(model, stage):
    shaken(model, parts=("control", "temporal"))
    learning = freeze_but(model.net, stage)
    planes, reference, x = clip()
    model.net(x, TIMES, Cond(model.net.control(planes, reference))).square().mean().backward()
    reached = {name for name, p in model.net.named_parameters() if p.grad is not None}
    assert reached == {name for name, _ in model.net.named_parameters() if part_of(name) == stage}
    assert len(learning) == len(reached) > 0


def test_only_what_is_ours_is_saved(model, tmp_path):
    shaken(model, parts=("control", "temporal"))
    path = tmp_path / "stable.safetensors"
    model.save(path)
    own = sum(p.numel() for name, p in model.net.named_parameters() if part_of(name) != "image")
    assert path.stat().st_size == pytest.approx(4 * own, rel=0.1)
    again = VideoModel.load(path)
    planes, reference, x = clip()
    said = [m.net(x, TIMES, Cond(m.net.control(planes, reference))) for m in (model, again)]
    torch.testing.assert_close(*said)


def test_a_video_passes_through_the_latents(model):
    shaken(model, parts=("control", "temporal"))
    outpainter = Outpainter([model])
    planes, reference, _ = clip(4)
    state = outpainter.init_state(0, [reference])
    video, state = outpainter.push([planes], state)
    assert video.shape == (1, 4, 3, 64, 64)
    assert state.given[0].shape == (1, 1, 4, 8, 8)


def test_what_is_not_here_is_explained(tmp_path):
    with pytest.raises(StableMissingError, match=r"net\.download"):
        VideoModel.new(spec(tmp_path))
    values = spec(tmp_path).model_dump() | {"schedule": {"kind": "cosine", "end": 0.9}}
    with pytest.raises(ValueError, match="scaled_linear, not cosine"):
        VideoModel.new(check_settings(FullSpec, values, "test"))
