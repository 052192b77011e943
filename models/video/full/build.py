"""`VideoModel`: a network, its settings, and what pictures are to it. Made new, and kept on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from models.strict import check_settings
from models.video.full.codec import Codec, Pixels
from models.video.full.net import PixelNet, part_of
from models.video.full.spec import FullSpec

_KEY: Final = "visavis.video.full"
"""Metadata of weights: the `FullSpec` they belong to."""


@dataclass(frozen=True, slots=True)
class VideoModel:
    """One model of the cascade."""

    spec: FullSpec
    net: Any
    """A `VideoNet` that is also an `nn.Module`."""
    codec: Codec

    @classmethod
    def new(cls, spec: FullSpec) -> Self:
        """Make it with random weights, where it does not stand on those of others.

        Raises:
            StableMissingError: It stands on Stable Diffusion, and that is not here.
            ValueError: Its schedule is not that of Stable Diffusion.
        """
        channels = spec.layout.channels
        if spec.net.kind == "unet":
            return cls(spec, PixelNet(spec.net, channels, sharpens=spec.low_side is not None), Pixels())
        from models.video.full.diffusers_backend import open_stable

        if spec.schedule.kind != "scaled_linear":
            raise ValueError(f"schedule.kind: Stable Diffusion knows scaled_linear, not {spec.schedule.kind}")
        return cls(spec, *open_stable(spec.net, channels, spec.schedule))

    @classmethod
    def load(cls, path: Path, device: torch.device | None = None) -> Self:
        """Read a model written by `save`, ready for use.

        Raises:
            ValueError: The file holds no such model, or weights are missing.
            StableMissingError: It stands on Stable Diffusion, and that is not here.
        """
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if _KEY not in metadata:
            raise ValueError(f"{path} holds no full video model; make one with: visavis train video")
        model = cls.new(read_spec(metadata[_KEY], str(path)))
        load_weights(model.net, path, base_elsewhere=model.spec.latent)
        model.net.eval().requires_grad_(False)
        model.to(device or torch.device("cpu"))
        return model

    def to(self, device: torch.device) -> None:
        """Move the weights."""
        self.net.to(device)
        self.codec.to(device)

    def save(self, path: Path) -> None:
        """Write weights and settings, whole or not at all; of a pre-trained image model only its place."""
        path.parent.mkdir(parents=True, exist_ok=True)
        own = {
            name: value.detach().to("cpu", torch.float32).contiguous()
            for name, value in self.net.state_dict().items()
            if not self.spec.latent or part_of(name) != "image"
        }
        partial = path.with_name(f"{path.name}.partial")
        save_file(own, partial, {_KEY: self.spec.model_dump_json()})
        partial.replace(path)


def read_spec(text: str, place: str) -> FullSpec:
    """Read settings as `save` wrote them. Raises `ValueError` when this version has no such settings."""
    return check_settings(FullSpec, json.loads(text), place)


def load_weights(net: nn.Module, path: Path, *, base_elsewhere: bool) -> None:
    """Read weights into a network; `base_elsewhere` is true where the image model's lie in another place.

    Raises:
        ValueError: Some are missing, or too many, or of another size.
    """
    try:
        missing, unexpected = net.load_state_dict(load_file(path), strict=False)
    except RuntimeError as error:
        raise ValueError(f"{path}: {str(error).splitlines()[-1].strip()}") from error
    lacking = [name for name in missing if not base_elsewhere or part_of(name) != "image"]
    if unexpected or lacking:
        raise ValueError(f"{path}: weights of another network, such as {(*unexpected, *lacking)[0]}")


def load_image_weights(net: nn.Module, path: Path) -> None:
    """Read the weights of the image model alone into a network, whatever controls either knows.

    Raises:
        ValueError: There are none in the file, or they are of another size.
    """
    theirs = {name: value for name, value in load_file(path).items() if part_of(name) == "image"}
    own = {name: value for name, value in net.state_dict().items() if part_of(name) == "image"}
    if {name: value.shape for name, value in theirs.items()} != {n: v.shape for n, v in own.items()}:
        raise ValueError(f"{path} holds no image model of these sizes")
    net.load_state_dict(theirs, strict=False)
