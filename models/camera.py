"""The perspective camera of a portrait (paper section 3.1): metres to pixels of a square picture."""

import numpy as np
from jaxtyping import Float32


def project(
    vertices: Float32[np.ndarray, "vertices 3"],
    translation: Float32[np.ndarray, "3"],
    focal_px: float,
    side_px: float,
) -> tuple[Float32[np.ndarray, "vertices 2"], Float32[np.ndarray, "vertices"]]:
    """Return pixels (x right, y down) and depth in metres.

    Args:
        vertices: in the person's axes, metres.
        translation: from the person's to the camera's origin; z is negative in front.
        focal_px: focal length in pixels of a picture of `side_px`.
        side_px: side of the square picture; the optical axis goes through its middle.
    """
    seen = vertices + translation
    depth = -seen[:, 2]
    points = np.float32(side_px / 2) + np.float32(focal_px) * seen[:, :2] / depth[:, None] * np.array(
        [1, -1], np.float32
    )
    return points, depth


def diagonal_fov_deg(focal_px: float, side_px: float) -> float:
    """Return the diagonal field of view of a square picture in degrees."""
    return float(np.degrees(2 * np.arctan(side_px / np.sqrt(2) / focal_px)))
