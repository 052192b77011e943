"""`Packed`: arrays that belong together, as one file."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from safetensors.numpy import load_file, save_file


class Packed:
    """What every dataclass of arrays can do that derives from this."""

    __slots__ = ()

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        partial = path.with_suffix(".partial")
        arrays = asdict(cast("Any", self))
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one."""
        return cls(**load_file(path))
