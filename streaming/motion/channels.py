"""The 98 channels of a `MotionFrame` as integers, and how finely each is to be kept.

All that follows `to_units` is integer arithmetic, so that Python and JavaScript agree bit for bit.
"""

from typing import Final

import numpy as np
from jaxtyping import Float32, Int32

from models.motion.frame import EXPRESSIONS, FINGERS, JOINTS, MOTION_SIZE

WEIGHT_UNITS: Final = 1024
"""Units in an expression weight of 1."""
RADIAN_UNITS: Final = 2048
"""Units in a radian; a unit is 0.028 degrees."""
LARGEST_TURN: Final = 6434
"""Half a turn in units: ⌊2048 π⌋."""

GROUPS: Final = ("lips", "mouth", "eyes", "brows", "head", "trunk", "arms", "fingers")
"""Channels of one group share coding statistics and coarseness."""
COARSENESS: Final = (8, 12, 14, 20, 4, 8, 16, 64)
"""Quantiser step of each group in eighths of the quality's step. Lips are kept finest; a turn of the head by
0.2 degrees is as visible as 0.03 of a lip's weight."""

_LIPS = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthLowerDown", "mouthPress", "mouthPucker", "mouthRoll",
    "mouthSmile", "mouthStretch", "mouthUpperUp",
)  # fmt: skip


def _group_of_expression(name: str) -> str:
    if name.startswith(_LIPS):
        return "lips"
    if name.startswith(("jaw", "mouth", "tongue")):
        return "mouth"
    return "eyes" if name.startswith(("eyeBlink", "eyeLook")) else "brows"


def _group_of_joint(name: str) -> str:
    if name in ("neck", "head"):
        return "head"
    return "trunk" if name in ("spine", "chest", "clavicle_left", "clavicle_right") else "arms"


NAMES: Final = (
    *EXPRESSIONS,
    *(f"{joint}_{axis}" for joint in JOINTS for axis in "xyz"),
    *(f"{finger}_{side}" for side in ("left", "right") for finger in FINGERS),
)
"""Name of each channel, in the order of `MotionFrame.vector`."""

GROUP: Final = tuple(
    GROUPS.index(name)
    for name in (
        *(_group_of_expression(name) for name in EXPRESSIONS),
        *(_group_of_joint(joint) for joint in JOINTS for _ in "xyz"),
        *("fingers" for _ in range(2 * len(FINGERS))),
    )
)
"""Index into `GROUPS` of each channel."""

_TWINS = {"eyeLookOutRight": "eyeLookInLeft"}
"""Eyes turn together: one looks out where the other looks in."""


def _parent(channel: int) -> int:
    """Return the channel coded before that tells most about this one: its left twin, or its group's last."""
    name = NAMES[channel]
    twin = _TWINS.get(name, name.replace("Right", "Left").replace("_right", "_left"))
    if twin in NAMES[:channel]:
        return NAMES.index(twin)
    return max((other for other in range(channel) if GROUP[other] == GROUP[channel]), default=-1)


PARENT: Final = tuple(_parent(channel) for channel in range(MOTION_SIZE))
"""Channel whose residual is the context of this one; -1 where there is none."""

IS_WEIGHT: Final = tuple(channel < len(EXPRESSIONS) for channel in range(MOTION_SIZE))
LOWEST: Final = tuple(0 if is_weight else -LARGEST_TURN for is_weight in IS_WEIGHT)
HIGHEST: Final = tuple(WEIGHT_UNITS if is_weight else LARGEST_TURN for is_weight in IS_WEIGHT)

STEPS: Final = (8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1024, 1448)
"""Quantiser step of quality 0 (finest) to 15 (coarsest) in quarters of a unit; each is √2 times the last."""
QUALITIES: Final = len(STEPS)

_SCALE = np.where(np.array(IS_WEIGHT), WEIGHT_UNITS, RADIAN_UNITS).astype(np.float32)


def step_sizes(quality: int) -> tuple[int, ...]:
    """Return each channel's quantiser step in units, at least 1."""
    return tuple(max(1, STEPS[quality] * COARSENESS[group] + 16 >> 5) for group in GROUP)


def to_units(motion: Float32[np.ndarray, "frames 98"]) -> Int32[np.ndarray, "frames 98"]:
    """Return motion in units, rounded half up and cut to the channels' ranges; NaN becomes 0."""
    scaled = np.floor(np.nan_to_num(motion * _SCALE, posinf=1e6, neginf=-1e6) + np.float64(0.5))
    return np.clip(scaled, LOWEST, HIGHEST).astype(np.int32)


def from_units(units: Int32[np.ndarray, "frames 98"]) -> Float32[np.ndarray, "frames 98"]:
    """Return motion as it is drawn; exact, for the scales are powers of two."""
    return units.astype(np.float32) / _SCALE
