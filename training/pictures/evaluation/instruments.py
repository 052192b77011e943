"""What looks deeper than pixels: LPIPS and the face descriptor, as far as they are installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from models.assets import AssetError
from training.pictures.evaluation.identity import FaceDescriber
from training.pictures.evaluation.lpips_weights import FILES, LpipsWeightsError

if TYPE_CHECKING:
    from training.pictures.evaluation.lpips import Features, Lpips


@dataclass(frozen=True, slots=True)
class Instruments:
    """Loaded networks."""

    lpips: Mapping[str, "Lpips"]
    """By backbone."""
    describer: FaceDescriber | None
    missing: tuple[str, ...] = ()
    """What is not measured for want of a package or a file, and how to get it."""

    def features(self, net: str, picture: UInt8[np.ndarray, "rows columns 3"]) -> "Features":
        """Return what LPIPS compares of a picture."""
        import torch

        from training.pictures.evaluation.lpips import as_tensor

        with torch.inference_mode():
            return self.lpips[net].features(as_tensor(picture))

    def between(self, net: str, features: "Features", picture: UInt8[np.ndarray, "rows columns 3"]) -> float:
        """Return LPIPS of a picture and a prepared one."""
        import torch

        with torch.inference_mode():
            return float(self.lpips[net].between(features, self.features(net, picture)))


def open_instruments(lpips: Path | None = None) -> Instruments:
    """Load what there is.

    Args:
        lpips: folder of LPIPS' weights, instead of where `visavis evaluate fetch` puts them.
    """
    nets: dict[str, Lpips] = {}
    missing: list[str] = []
    for net in FILES:
        try:
            from training.pictures.evaluation.lpips import open_lpips

            nets[net] = open_lpips(net, lpips)
        except (LpipsWeightsError, ImportError) as error:
            missing.append(f"LPIPS ({net}) is not measured: {error}")
    try:
        describer = FaceDescriber()
    except (AssetError, ImportError) as error:
        describer = None
        missing.append(f"identity is not measured: {error}")
    return Instruments(nets, describer, tuple(missing))
