"""Weights on disk: what ships is the EMA in safetensors; what resumes a run lies in a folder beside it."""

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.motion.diffusion.shape import NetShape
from training.motion.network import MotionNet

_TRAINING_ONLY = ("phone_out.", "steadiness")


def save_net(net: MotionNet, path: Path, *, whole: bool = False) -> None:
    """Write weights and sizes: to train on with (`whole`), or to ship, in half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: value.detach().to(torch.float32 if whole else torch.float16).contiguous()
        for name, value in net.state_dict().items()
        if whole or not name.startswith(_TRAINING_ONLY)
    }
    save_file(state, path, net.shape.metadata())


def load_net(path: Path) -> MotionNet:
    """Read a network back.

    Raises:
        ValueError: The file holds no motion network of this version.
    """
    with safe_open(path, "pt") as file:
        shape = NetShape.from_metadata(file.metadata())
    net = MotionNet(shape)
    net.load_state_dict(load_file(path), strict=False)
    return net


def ship(weights: Path, out: Path) -> str:
    """Write trained weights as they ship, in half precision and without what only training needs.

    Returns:
        The file's SHA-256.

    Raises:
        ValueError: The weights are no motion network of this version.
    """
    save_net(load_net(weights), out)
    return hashlib.sha256(out.read_bytes()).hexdigest()
