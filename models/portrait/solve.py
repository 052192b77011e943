"""Levenberg-Marquardt fit of shape, expression, head pose and camera to landmarks.

Only the landmarks' own points of the surface take part, a thousandth of the body, so that one iteration is a
220 x 220 system and a fit takes well under a second.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from jaxtyping import Float, Float64

from models.body.body import rotation_matrices

MARKS: Final = 478


@dataclass(frozen=True, slots=True)
class MarkModel:
    """Where the landmarks lie on the body at rest, and how shape and expression move them, in metres."""

    mean: Float64[np.ndarray, "478 3"]
    shape: Float64[np.ndarray, "components 478 3"]
    expression: Float64[np.ndarray, "52 478 3"]

    def rest(
        self, shape: Float[np.ndarray, "components"], expression: Float[np.ndarray, "52"] | None = None
    ) -> Float64[np.ndarray, "478 3"]:
        """Return one person's landmarks before the body is posed; a neutral face without `expression`."""
        points = self.mean + np.tensordot(shape, self.shape, 1)
        return points if expression is None else points + np.tensordot(expression, self.expression, 1)


@dataclass(frozen=True, slots=True)
class Priors:
    """Spread of what is expected; smaller holds closer. Errors count in percent of the face's height."""

    shape: Float64[np.ndarray, "components"]
    """Standard deviation of each shape coefficient."""
    expression: Float64[np.ndarray, "52"]
    """Standard deviation around the expression the tracker saw."""
    log_focal: float = 0.35
    """Standard deviation of the logarithm of the focal length."""
    weight: float = 1.0
    """How much one standard deviation costs, in percent of the face's height."""


@dataclass(frozen=True, slots=True)
class FaceFit:
    """Result: the head's place before the camera, and the person's shape and expression."""

    shape: Float64[np.ndarray, "components"]
    expression: Float64[np.ndarray, "52"]
    rotation: Float64[np.ndarray, "3 3"]
    """Head to camera; camera axes x right, y up, z towards the viewer."""
    translation: Float64[np.ndarray, "3"]
    """Of the body's origin, in metres; z is negative in front of the camera."""
    log_focal: float
    """Natural logarithm of the focal length in pixels."""
    error: float = np.inf
    """Mean landmark distance as a fraction of the face's height."""

    def points(self, marks: MarkModel) -> Float64[np.ndarray, "478 3"]:
        """Return the landmarks at rest, in the body's frame."""
        return marks.rest(self.shape, self.expression)

    def project(self, marks: MarkModel, centre: float) -> Float64[np.ndarray, "478 2"]:
        """Return the landmarks in pixels of a square picture whose middle lies at `centre`."""
        camera = self.points(marks) @ self.rotation.T + self.translation
        scale = np.exp(self.log_focal) / -camera[:, 2:]
        return centre + camera[:, :2] * scale * (1.0, -1.0)

    def _moved(self, step: Float64[np.ndarray, "parameters"]) -> Self:
        shapes = len(self.shape)
        turn, shift = step[shapes + 52 : shapes + 55], step[shapes + 55 : shapes + 58]
        return replace(
            self,
            shape=self.shape + step[:shapes],
            expression=np.clip(self.expression + step[shapes : shapes + 52], 0.0, 1.0),
            rotation=rotation_matrices(turn[None].astype(np.float32))[0].astype(np.float64) @ self.rotation,
            translation=self.translation + shift,
            log_focal=self.log_focal + float(step[-1]),
        )


def fit_face(
    marks: MarkModel,
    observed: Float64[np.ndarray, "478 2"],
    start: FaceFit,
    priors: Priors,
    *,
    centre: float,
    height_px: float,
    iterations: int = 25,
) -> FaceFit:
    """Minimise reprojection error and priors, starting at `start`.

    Args:
        marks: the landmarks on the body.
        observed: landmarks in pixels.
        start: first guess; its expression is also what the prior pulls to.
        priors: see `Priors`.
        centre: middle of the square picture in pixels.
        height_px: the face's height, the unit of the error.
        iterations: most steps taken.
    """
    fit, damping = start, 1e-2
    cost, normal, gradient = _linearise(marks, observed, fit, start, priors, centre, height_px)
    for _ in range(iterations):
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -gradient)
        trial = fit._moved(step)
        trial_cost, trial_normal, trial_gradient = _linearise(
            marks, observed, trial, start, priors, centre, height_px
        )
        if trial_cost < cost:
            gain = (cost - trial_cost) / cost
            fit, cost, normal, gradient = trial, trial_cost, trial_normal, trial_gradient
            damping = max(damping / 4, 1e-7)
            if gain < 1e-4:
                break
        else:
            damping *= 6
    distance = np.linalg.norm(fit.project(marks, centre) - observed, axis=1)
    return replace(fit, error=float(distance.mean() / height_px))


def _linearise(
    marks: MarkModel,
    observed: Float64[np.ndarray, "478 2"],
    fit: FaceFit,
    start: FaceFit,
    priors: Priors,
    centre: float,
    height_px: float,
) -> tuple[float, Float64[np.ndarray, "p p"], Float64[np.ndarray, "p"]]:
    """Cost, Gauss-Newton matrix and gradient at `fit`; the active bounds of the expression are frozen."""
    unit = 100.0 / height_px
    rest = fit.points(marks)
    turned = rest @ fit.rotation.T
    x, y, z = (turned + fit.translation).T
    focal = np.exp(fit.log_focal)
    residual = (centre + focal * np.stack([x, -y], 1) / -z[:, None] - observed) * unit
    zero = np.zeros_like(x)
    by_point = (
        unit
        * focal
        * np.stack([np.stack([-1 / z, zero, x / z**2], 1), np.stack([zero, 1 / z, -y / z**2], 1)], 1)
    )
    basis = np.concatenate([marks.shape, marks.expression])
    by_basis = np.einsum("mrc,cd,kmd->mrk", by_point, fit.rotation, basis, optimize=True)
    a, b, c = turned.T
    skew = np.stack([zero, c, -b, -c, zero, a, b, -a, zero], 1).reshape(-1, 3, 3)
    by_turn = by_point @ skew
    by_focal = unit * focal * np.stack([x / -z, -y / -z], 1)[..., None]
    jacobian = np.concatenate([by_basis, by_turn, by_point, by_focal], 2).reshape(2 * MARKS, -1)
    shapes = len(fit.shape)
    offset = np.zeros(jacobian.shape[1])
    precision = np.zeros_like(offset)
    offset[:shapes], precision[:shapes] = fit.shape, 1 / priors.shape**2
    offset[shapes : shapes + 52] = fit.expression - start.expression
    precision[shapes : shapes + 52] = 1 / priors.expression**2
    offset[-1], precision[-1] = fit.log_focal - start.log_focal, 1 / priors.log_focal**2
    precision *= priors.weight**2
    gradient = jacobian.T @ residual.ravel() + precision * offset
    normal = jacobian.T @ jacobian + np.diag(precision) + 1e-9 * np.eye(len(offset))
    stuck = np.zeros(len(offset), bool)
    stuck[shapes : shapes + 52] = ((fit.expression <= 0) & (gradient[shapes : shapes + 52] > 0)) | (
        (fit.expression >= 1) & (gradient[shapes : shapes + 52] < 0)
    )
    normal[stuck], normal[:, stuck], gradient[stuck] = 0.0, 0.0, 0.0
    normal[stuck, stuck] = 1.0
    cost = float((residual**2).sum() + (precision * offset**2).sum())
    return cost, normal, gradient
