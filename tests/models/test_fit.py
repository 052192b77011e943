import numpy as np
import pytest

from models.body.body import rotation_matrices
from models.portrait.errors import NoFaceError, TurnedAwayError
from models.portrait.face import Face
from models.portrait.fit import fit_portrait, start_fit
from models.portrait.landmarks import FaceFinder, the_one_face
from models.portrait.marks import fit_priors, shared_marks
from models.portrait.photo import open_photo
from models.portrait.pose import find_keypoints
from models.portrait.solve import FaceFit, fit_face


def invented_face(seed):
    """Project a known person, so that the fit has a truth to find."""
    rng, marks = np.random.default_rng(seed), shared_marks()
    turn = np.eye(3)
    shape = rng.normal(0, 0.3, len(marks.shape))
    expression = np.clip(rng.normal(0, 0.2, 52), 0, 1)
    centre = marks.mean.mean(0)
    fit = FaceFit(shape, expression, turn, np.array([0.02, -0.01, -1.1]) - centre, float(np.log(1150)))
    return fit, fit.project(marks, 256.0)


def test_a_known_person_is_found_again():
    marks = shared_marks()
    for seed in range(3):
        truth, points = invented_face(seed)
        height = float(np.linalg.norm(points[10] - points[152]))
        face = Face(
            np.concatenate([points, np.zeros((478, 1))], 1).astype(np.float32),
            truth.expression.astype(np.float32),
            np.eye(3, dtype=np.float32),
        )
        fit = fit_face(
            marks, points, start_fit(marks, face), fit_priors(len(marks.shape)),
            centre=256, height_px=height,
        )  # fmt: skip
        assert fit.error < 0.003
        assert np.abs(fit.rotation - truth.rotation).max() < 0.05
        assert (fit.expression >= 0).all()


def test_profiles_are_refused():
    angle = np.radians(60)
    side = rotation_matrices(np.array([[0, angle, 0]], np.float32))[0]
    face = Face(np.zeros((478, 3), np.float32), np.zeros(52, np.float32), side)
    with pytest.raises(TurnedAwayError, match="60° sideways"):
        the_one_face([face])


def test_nobody_is_refused():
    with pytest.raises(NoFaceError):
        the_one_face([])


@pytest.mark.corpus
def test_held_out_portraits_fit_within_one_percent(corpus):
    with FaceFinder() as finder:
        errors = []
        for number in range(380, 436, 7):
            picture = open_photo(corpus / "portraits" / f"{number:03d}.jpg")
            errors.append(
                fit_portrait(the_one_face(finder.find(picture)), find_keypoints(picture), 512).error
            )
    assert max(errors) < 0.01
