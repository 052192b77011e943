"""Contact sheets: many pictures on one page."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def tile(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], columns: int, tile_px: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Scale pictures to squares and lay them out row by row; the last row is filled with white."""
    small = [
        np.asarray(Image.fromarray(picture).resize((tile_px, tile_px), Image.Resampling.LANCZOS))
        for picture in pictures
    ]
    rows = -(-len(small) // columns)
    small += [np.full((tile_px, tile_px, 3), 255, np.uint8)] * (rows * columns - len(small))
    grid = np.stack(small).reshape(rows, columns, tile_px, tile_px, 3)
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3, 4).reshape(rows * tile_px, columns * tile_px, 3))
