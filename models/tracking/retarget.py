"""From one person's face to anybody's avatar: what differs from the person's rest, as far as it can be drawn.

A weight says how far the person went from rest towards the extreme, so that a face that rests half squinting
does not make an avatar squint. The head turns relative to its own rest, and softly no farther than a portrait
can be turned. `streaming/page/retarget.js` is the twin.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial.transform import Rotation

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS, MotionFrame
from models.motion.pose import EYE_DEG, EYE_LIMIT_DEG, pose_joints
from models.portrait.face import Face
from models.tracking.neutral import CALIBRATION_FRAMES, Neutral, neutral_of
from models.tracking.smooth import SmoothState, smooth

_SIDEWAYS: Final = tuple(
    EXPRESSION_INDEX[name]
    for name in ("eyeLookOutLeft", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutRight")
)
"""Left eye to the person's left and right, right eye to the left and right."""
_UPRIGHT: Final = tuple(
    EXPRESSION_INDEX[name]
    for name in ("eyeLookDownLeft", "eyeLookUpLeft", "eyeLookDownRight", "eyeLookUpRight")
)
_LIDS: Final = (EXPRESSION_INDEX["eyeBlinkLeft"], EXPRESSION_INDEX["eyeBlinkRight"])
EYES_MOST: Final = EYE_LIMIT_DEG / EYE_DEG
"""Largest `eyeLook…` weight that a gaze may have."""
LIDS_HIDE: Final = 0.45
"""Closure of the lids from which the tracker only guesses where the eyes look."""


class Trust(StrEnum):
    """How much a pose is worth."""

    TRACKED = "tracked"
    HELD = "held"
    """Nobody was seen for a moment: the last pose stays."""
    LOST = "lost"
    """Nobody has been seen for longer: nothing should be sent."""


class RetargetConfig(BaseModel):
    """How a person's face becomes an avatar's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gains: dict[str, float] = Field(default={"eyeBlink": 1.35})
    """Factors of weights, by the beginning of their names. The tracker gives a whole blink 0.7."""
    turn_limits_deg: tuple[float, float, float] = (20.0, 28.0, 20.0)
    """Pitch, yaw and roll of the head that are softly never exceeded."""
    held_frames: int = Field(default=5, ge=0, le=50)
    """Frames without a face for which the last pose stays."""

    def gain_vector(self) -> Float32[np.ndarray, "52"]:
        """Return the factor of each weight. Raises `ValueError` for a beginning that no name has."""
        gains = np.ones(len(EXPRESSIONS), np.float32)
        for beginning, gain in self.gains.items():
            channels = [i for i, name in enumerate(EXPRESSIONS) if name.startswith(beginning)]
            if not channels:
                raise ValueError(
                    f"no expression begins with {beginning!r}; there are {', '.join(EXPRESSIONS)}"
                )
            gains[channels] = gain
        return gains


@dataclass(frozen=True, slots=True)
class Pose:
    """What the avatar does in a frame, and whether to believe it."""

    motion: MotionFrame
    trust: Trust
    calibrated: float
    """Part of the calibration that is done, 0..1."""


@dataclass(frozen=True, slots=True)
class RetargetState:
    """Everything known of the person."""

    seen: tuple[Face, ...] = ()
    """Faces of the calibration, until it is done."""
    neutral: Neutral | None = None
    calibrated: int = 0
    """Frames that the rest was learned from."""
    missing: int = 0
    """Frames in a row without a face."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """Signed weights of the last gaze that was seen: to the person's left, down."""
    shown: MotionFrame = field(default_factory=MotionFrame.rest)
    smoothing: SmoothState = field(default_factory=SmoothState)


class Retarget:
    """One step for each frame of 40 ms. The rest is learned in the first 50 frames that show a face."""

    def __init__(self, config: RetargetConfig | None = None) -> None:
        self._config = config or RetargetConfig()
        self._gains = self._config.gain_vector()
        self._limits = np.radians(np.array(self._config.turn_limits_deg))

    def init_state(self) -> RetargetState:
        """Return the state before anybody was seen; also to begin the calibration anew."""
        return RetargetState()

    def step(self, face: Face | None, state: RetargetState) -> tuple[Pose, RetargetState]:
        """Return what the avatar does while `face` is seen."""
        if face is None:
            missing = state.missing + 1
            is_held = missing <= self._config.held_frames and state.neutral is not None
            trust = Trust.HELD if is_held else Trust.LOST
            pose = Pose(state.shown, trust, state.calibrated / CALIBRATION_FRAMES)
            return pose, replace(state, missing=missing)
        state = _learn(face, replace(state, missing=0))
        motion, state = self._map(face, state)
        return Pose(motion, Trust.TRACKED, state.calibrated / CALIBRATION_FRAMES), replace(
            state, shown=motion
        )

    def _map(self, face: Face, state: RetargetState) -> tuple[MotionFrame, RetargetState]:
        neutral = state.neutral or neutral_of([face])
        weights = (face.expression - neutral.expression) / (1.0 - neutral.expression) * self._gains
        weights = np.clip(weights, 0.0, 1.0)
        gaze = state.gaze if face.expression[list(_LIDS)].mean() > LIDS_HIDE else _gaze(face, neutral)
        _set_gaze(weights, gaze)
        turn = Rotation.from_matrix(neutral.rotation.T @ face.rotation).as_rotvec()
        turn = self._limits * np.tanh(turn / self._limits)
        values, smoothing = smooth(np.concatenate([weights, turn]).astype(np.float32), state.smoothing)
        motion = MotionFrame.rest()
        motion.expression[:] = values[: len(EXPRESSIONS)]
        turn_deg = np.degrees(values[len(EXPRESSIONS) :]).astype(np.float64)
        motion.rotations[:] = pose_joints(turn_deg, air=0.0)
        return motion, replace(state, gaze=gaze, smoothing=smoothing)


def _learn(face: Face, state: RetargetState) -> RetargetState:
    if state.calibrated == CALIBRATION_FRAMES:
        return state
    seen = (*state.seen, face)
    done = len(seen) == CALIBRATION_FRAMES
    return replace(
        state, seen=() if done else seen, neutral=neutral_of(seen), calibrated=state.calibrated + 1
    )


def _gaze(face: Face, neutral: Neutral) -> tuple[float, float]:
    """Return where both eyes look together, against where they look at rest."""
    apart = face.expression - neutral.expression
    out_left, in_left, in_right, out_right = apart[list(_SIDEWAYS)]
    down_left, up_left, down_right, up_right = apart[list(_UPRIGHT)]
    left = 0.5 * float(out_left - in_left + in_right - out_right)
    down = 0.5 * float(down_left - up_left + down_right - up_right)
    return min(max(left, -EYES_MOST), EYES_MOST), min(max(down, -EYES_MOST), EYES_MOST)


def _set_gaze(weights: Float32[np.ndarray, "52"], gaze: tuple[float, float]) -> None:
    left, down = gaze
    weights[list(_SIDEWAYS)] = (max(left, 0.0), max(-left, 0.0), max(left, 0.0), max(-left, 0.0))
    weights[list(_UPRIGHT)] = (max(down, 0.0), max(-down, 0.0), max(down, 0.0), max(-down, 0.0))
