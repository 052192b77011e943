"""From landmarks of a clip to the motion that makes a portrait do the same.

The portrait is one picture of the clip. Shape and camera are its own; expression and joints are fitted to the
landmarks of each other picture, and what the fit leaves over in the portrait is left over in all of them. So
the portrait's own picture asks for no change at all, and every other one for what changed since.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from jaxtyping import Float32, Float64

from models.avatar import Avatar
from models.body.body import Identity, shared_body
from models.body.rig import RIG_INDEX
from models.motion.frame import EXPRESSIONS
from models.portrait.face import CHIN, FOREHEAD
from models.portrait.marks import EXPRESSION_SPREAD, shared_marks
from models.portrait.solve import MarkModel
from training.evaluation.track import Track
from training.pictures.poses import Pose

TURNED: Final = ("spine", "neck", "head")
"""Joints that follow the head; the spine's turn is what moves it sideways and to the front."""
TURN_DEG: Final = (3.0, 8.0, 12.0)
"""How far they are expected to turn from the portrait, standard deviation."""
PRIOR: Final = 4.0
"""What one standard deviation costs, in percent of the face's height: joints must not fight one another for
what no joint can do. A motion has no up and down, and people do rise in their chairs.
"""
TURN_STEP_DEG: Final = 2.0
"""How far a joint is expected to turn from one picture to the next, standard deviation."""
STEPS: Final = 4
"""Gauss-Newton steps; each picture starts where the one before ended."""
_STEP_RAD: Final = 1e-3
_COUNT: Final = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class _Guess:
    """What is fitted: changes since the portrait."""

    expression: Float64[np.ndarray, "52"]
    turns: Float64[np.ndarray, "joints 3"]

    def moved(self, step: Float64[np.ndarray, "parameters"]) -> Self:
        return type(self)(self.expression + step[:_COUNT], self.turns + step[_COUNT:].reshape(-1, 3))

    def vector(self) -> Float64[np.ndarray, "parameters"]:
        return np.concatenate([self.expression, self.turns.ravel()])


class Follower:
    """Fits one portrait's body to landmarks of the same person."""

    def __init__(self, avatar: Avatar, marks: Float32[np.ndarray, "478 2"]) -> None:
        """Begin with the portrait.

        Args:
            avatar: the portrait.
            marks: its landmarks, by the tracker that saw the clip, in its pixels.
        """
        self._avatar, self._model = avatar, shared_marks()
        self._identity: Identity = shared_body().identity(avatar.fit.shape)
        self._unit = 100.0 / float(np.linalg.norm(marks[FOREHEAD] - marks[CHIN]))
        spread = np.concatenate([np.full(_COUNT, EXPRESSION_SPREAD), np.repeat(np.radians(TURN_DEG), 3)])
        self._precision = (PRIOR / spread) ** 2
        self._inertia = np.zeros_like(spread)
        self._inertia[_COUNT:] = (PRIOR / np.radians(TURN_STEP_DEG)) ** 2
        self._start = _Guess(np.zeros(_COUNT), np.zeros((len(TURNED), 3)))
        self._left_over = marks - self._project(self._start)[0]

    def follow(
        self,
        points: Float32[np.ndarray, "frames 478 2"],
        changes: Float32[np.ndarray, "frames 52"],
    ) -> list[Pose]:
        """Return the pose of each picture; one without a face keeps the pose before.

        Args:
            points: landmarks in the portrait's pixels; NaN where there is no face.
            changes: the tracker's weights, less those it saw in the portrait.
        """
        guess, poses = self._start, []
        for seen, change in zip(points, changes, strict=True):
            if np.isfinite(seen).all():
                guess = self._fit(seen.astype(np.float64), change.astype(np.float64), guess)
            poses.append(self._pose(guess))
        return poses

    def _pose(self, guess: _Guess) -> Pose:
        fit = self._avatar.fit
        expression = np.clip(fit.expression + guess.expression, 0.0, None)
        return Pose(expression.astype(np.float32), self._rotations(guess.turns))

    def _rotations(self, turns: Float64[np.ndarray, "joints 3"]) -> Float32[np.ndarray, "rig 3"]:
        rotations = self._avatar.fit.rotations.copy()
        rotations[[RIG_INDEX[name] for name in TURNED]] += turns.astype(np.float32)
        return rotations

    def _fit(
        self, seen: Float64[np.ndarray, "478 2"], change: Float64[np.ndarray, "52"], guess: _Guess
    ) -> _Guess:
        expected = np.concatenate([change, np.zeros(3 * len(TURNED))])
        before = guess.vector()
        for _ in range(STEPS):
            points, slopes = self._project(guess)
            miss = (self._unit * (points + self._left_over - seen)).ravel()
            jacobian = self._unit * slopes.reshape(len(miss), -1)
            normal = jacobian.T @ jacobian + np.diag(self._precision + self._inertia)
            now = guess.vector()
            pull = self._precision * (now - expected) + self._inertia * (now - before)
            gradient = jacobian.T @ miss + pull
            guess = guess.moved(-np.linalg.solve(normal, gradient))
        return guess

    def _project(
        self, guess: _Guess
    ) -> tuple[Float64[np.ndarray, "478 2"], Float64[np.ndarray, "478 2 parameters"]]:
        """Return the landmarks in pixels, and how they move with each parameter."""
        fit, model = self._avatar.fit, self._model
        rest = model.rest(fit.shape, fit.expression + guess.expression)
        linear, offset = self._head(guess.turns)
        camera = rest @ linear.T + offset
        by_turns = []
        for at in np.ndindex(guess.turns.shape):
            turned = guess.turns.copy()
            turned[at] += _STEP_RAD
            other_linear, other_offset = self._head(turned)
            by_turns.append((rest @ other_linear.T + other_offset - camera) / _STEP_RAD)
        by_weights = _expression_slopes(model, linear)
        slopes = np.concatenate([by_weights, np.stack(by_turns)])
        return _perspective(camera, slopes, fit.focal_px, self._avatar.side)

    def _head(
        self, turns: Float64[np.ndarray, "joints 3"]
    ) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
        """Return the head's way from rest to the camera."""
        probes = np.concatenate([np.eye(3), np.zeros((1, 3))]).astype(np.float32)
        moved = self._identity.carry(probes, RIG_INDEX["head"], self._rotations(turns)).astype(np.float64)
        return (moved[:3] - moved[3]).T, moved[3] + self._avatar.fit.translation


def _expression_slopes(
    model: MarkModel, linear: Float64[np.ndarray, "3 3"]
) -> Float64[np.ndarray, "52 478 3"]:
    return np.asarray(model.expression @ linear.T)


def _perspective(
    camera: Float64[np.ndarray, "478 3"],
    slopes: Float64[np.ndarray, "parameters 478 3"],
    focal_px: float,
    side: int,
) -> tuple[Float64[np.ndarray, "478 2"], Float64[np.ndarray, "478 2 parameters"]]:
    flip = np.array([1.0, -1.0])
    depth = -camera[:, 2:]
    flat = focal_px * flip * camera[:, :2] / depth
    change = focal_px * flip * slopes[..., :2] / depth + flat * slopes[..., 2:] / depth
    return side / 2 + flat, change.transpose(1, 2, 0)


def changes_since(track: Track, at: int) -> Float32[np.ndarray, "frames 52"]:
    """Return how the tracker's weights differ from those of one picture."""
    return np.asarray(track.expression - track.expression[at], np.float32)
