"""Weights of a run on disk."""

from dataclasses import replace
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.video.network import PictureNet
from models.video.shape import PictureShape


def save_net(net: PictureNet, path: Path) -> None:
    """Write weights and sizes."""
    state = {name: value.detach().contiguous() for name, value in net.state_dict().items()}
    save_file(state, path, net.shape.metadata())


def load_net(path: Path) -> PictureNet:
    """Read a network back.

    Raises:
        ValueError: the file holds no picture network of this version.
    """
    with safe_open(path, "pt") as file:
        net = PictureNet(PictureShape.from_metadata(file.metadata()))
    arrays = {
        name: value.float() for name, value in load_file(path).items() if not name.startswith("ranges.")
    }
    net.load_state_dict(arrays)
    return net


def grown(net: PictureNet, shape: PictureShape) -> PictureNet:
    """Return a network with more blocks that draws the same: what is new adds nothing yet.

    Raises:
        ValueError: the sizes differ in more than the number of blocks, or there would be fewer.
    """
    blocks = {"outer": shape.outer, "inner": shape.inner}
    fewer = shape.outer < net.shape.outer or shape.inner < net.shape.inner
    if fewer or replace(net.shape, **blocks) != shape:
        raise ValueError(f"{net.shape} can only grow by `outer` and `inner` blocks, not become {shape}")
    larger = PictureNet(shape)
    larger.load_state_dict(net.state_dict(), strict=False)
    return larger
