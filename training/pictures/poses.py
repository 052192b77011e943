"""Random poses of a person in a photo: what a pseudo-reference shows, and what lies near the photo itself."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32

from models.body.body import gazing_rotations
from models.body.rig import RIG_INDEX
from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.portrait.fit import BodyFit

_MOUTH: Final = np.array([n.startswith(("jaw", "mouth", "tongue", "cheekPuff")) for n in EXPRESSIONS])
_BROWS: Final = np.array([n.startswith(("brow", "eyeWide", "eyeSquint", "noseSneer")) for n in EXPRESSIONS])
SHAPES: Final[tuple[dict[str, tuple[float, float]], ...]] = (
    {},
    {},
    {"mouthPress": (0.0, 0.5), "mouthRollUpper": (0.0, 0.5), "mouthRollLower": (0.0, 0.5)},
    {"jawOpen": (0.1, 0.75)},
    {"jawOpen": (0.05, 0.35), "mouthLowerDown": (0.1, 0.6), "mouthUpperUp": (0.0, 0.5)},
    {"jawOpen": (0.05, 0.3), "mouthStretch": (0.1, 0.6), "mouthLowerDown": (0.0, 0.4)},
    {"jawOpen": (0.0, 0.3), "mouthPucker": (0.2, 0.8), "mouthFunnel": (0.0, 0.6)},
    {"jawOpen": (0.0, 0.25), "mouthSmile": (0.2, 0.8)},
)
"""Mouths of speech and of moods, as ranges of weights; the empty ones are closed mouths at rest."""
TURN_DEG: Final = np.array([5.0, 6.0, 4.0])
"""Standard deviation of the head's pitch, yaw and roll."""
MOST_DEG: Final = np.array([11.0, 13.0, 9.0])


@dataclass(frozen=True, slots=True)
class Pose:
    """The body in a picture, as the fit writes it."""

    expression: Float32[np.ndarray, "52"]
    """This person's weights."""
    rotations: Float32[np.ndarray, "joints 3"]
    """Axis-angle of every joint of `RIG`, in radians; the eyes' turn is in the expression."""

    def turned(self) -> Float32[np.ndarray, "joints 3"]:
        """Return the rotations with the eyes turned."""
        return gazing_rotations(self.expression, self.rotations)


def photo_pose(fit: BodyFit) -> Pose:
    """Return the pose of the photo."""
    return Pose(fit.expression, fit.rotations)


def other_pose(fit: BodyFit, rng: np.random.Generator) -> Pose:
    """Draw a pose far from the photo's: another mouth, other brows and eyes, the head turned."""
    expression = fit.expression.copy()
    expression[_MOUTH] *= rng.choice([0.0, 0.0, 0.4, 1.0])
    expression[_BROWS] *= rng.uniform(0, 1)
    _add(expression, SHAPES[rng.integers(len(SHAPES))], rng)
    _add(
        expression, dict.fromkeys(rng.choice(["browDown", "browInnerUp", "browOuterUp"], 1), (0.0, 0.5)), rng
    )
    if rng.random() < 0.15:
        _add(expression, {"eyeBlink": (0.1, 1.0)}, rng)
    elif rng.random() < 0.4:
        _add(expression, {f"eyeLook{rng.choice(['Up', 'Down'])}": (0.0, 0.5)}, rng)
        _look_aside(expression, float(rng.uniform(-0.5, 0.5)))
    return Pose(np.clip(expression, 0, 1.3), _turn(fit.rotations, rng, 1.0))


def near_pose(fit: BodyFit, away: Pose, share: float, opening: float, drop: float) -> Pose:
    """Return a pose near the photo's, which the warp draws almost as well as a camera would.

    Args:
        fit: the photo.
        away: where the head goes.
        share: how far, 0..1.
        opening: added to the jaw's.
        drop: lowers the lower lip.
    """
    expression = fit.expression.copy()
    _set(expression, "jawOpen", opening)
    for side in ("Left", "Right"):
        _set(expression, f"mouthLowerDown{side}", drop)
    rotations = fit.rotations + np.float32(share) * (away.rotations - fit.rotations)
    return Pose(np.clip(expression, 0, 1.3), rotations.astype(np.float32))


def small_turn(fit: BodyFit, rng: np.random.Generator) -> Pose:
    """Draw a pose whose head is turned a little."""
    return Pose(fit.expression, _turn(fit.rotations, rng, 0.5))


def _turn(
    rotations: Float32[np.ndarray, "joints 3"], rng: np.random.Generator, scale: float
) -> Float32[np.ndarray, "joints 3"]:
    turned = rotations.copy()
    angle = np.clip(rng.normal(0, scale * TURN_DEG), -MOST_DEG, MOST_DEG)
    share = rng.uniform(0.2, 0.5)
    turned[RIG_INDEX["neck"]] += np.radians(share * angle)
    turned[RIG_INDEX["head"]] += np.radians((1 - share) * angle)
    turned[RIG_INDEX["spine"]] += np.radians(rng.normal(0, scale * 1.5, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turned[RIG_INDEX[f"clavicle_{side}"], 2] += np.radians(sign * rng.normal(0, 2 * scale))
    return turned.astype(np.float32)


def _add(
    expression: Float32[np.ndarray, "52"], ranges: dict[str, tuple[float, float]], rng: np.random.Generator
) -> None:
    for name, (low, high) in ranges.items():
        weight = rng.uniform(low, high)
        for side in ("", "Left", "Right"):
            if name + side in EXPRESSION_INDEX:
                _set(expression, name + side, weight * rng.uniform(0.85, 1.15))


def _set(expression: Float32[np.ndarray, "52"], name: str, more: float) -> None:
    expression[EXPRESSION_INDEX[name]] += more


def _look_aside(expression: Float32[np.ndarray, "52"], left: float) -> None:
    """Turn both eyes to the person's left (or right, when negative)."""
    out, inner = ("eyeLookOutLeft", "eyeLookInRight") if left > 0 else ("eyeLookOutRight", "eyeLookInLeft")
    _set(expression, out, abs(left))
    _set(expression, inner, abs(left))
