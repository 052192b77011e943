"""Small networks with weights that say something, for tests."""

import torch

from models.strict import check_settings
from models.video.full.build import VideoModel
from models.video.full.net import part_of
from models.video.full.spec import FullSpec

TINY = {"kind": "unet", "width": 8, "multiply": [1, 2], "blocks": 2, "attention": [1], "heads": 2}
WINDOW = {"frames": 4, "overlap_percent": 50}


def spec(**changes):
    values = {"net": TINY, "side": 8, "window": WINDOW, "sampling": {"sampler": "ddim", "steps": 2}}
    return check_settings(FullSpec, {**values, **changes}, "test")


def shaken(model, seed=0, parts=("image", "control", "temporal")):
    """Give every weight that starts at zero something to say."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if part_of(name) in parts and not parameter.any():
                parameter.normal_(0, 0.1)
    model.net.eval().requires_grad_(False)
    return model


def random_model(seed=0, **changes):
    torch.manual_seed(seed)
    return shaken(VideoModel.new(spec(**changes)), seed)


def inputs(model, frames=3, batch=2, seed=0):
    """Return planes, reference, noisy clip and times."""
    random = torch.Generator().manual_seed(seed)
    side, channels = model.spec.side, model.spec.layout.channels

    def draw(*size):
        return torch.randn(*size, generator=random)

    return (
        draw(batch, frames, channels, side, side),
        draw(batch, 3, side, side),
        draw(batch, frames, 3, side, side),
        torch.rand(batch, frames, generator=random),
    )
