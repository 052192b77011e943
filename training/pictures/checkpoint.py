"""Weights of a run on disk."""

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
