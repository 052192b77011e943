"""How much the samples of one picture differ, where the photo decides and where the stage must invent."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8


def sample_deviation(
    samples: Sequence[UInt8[np.ndarray, "side side 3"]], mask: Bool[np.ndarray, "side side"]
) -> float:
    """Return the samples' standard deviation, mean over a region's pixels and colours, in levels of 255.

    NaN for fewer than two samples. A blur, which names the mean of what might be there, has 0.
    """
    if len(samples) < 2 or not mask.any():
        return float("nan")
    values = np.stack([sample[mask].astype(np.float32) for sample in samples])
    return float(values.std(0, ddof=1).mean())
