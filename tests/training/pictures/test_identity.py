"""The face descriptor tells people apart, and finds the face where dlib itself does not."""

import numpy as np
import pytest
from PIL import Image

from models.assets import AssetError
from training.pictures.evaluation.identity import SAME_PERSON, FaceDescriber, distance


@pytest.fixture(scope="module")
def describer():
    try:
        return FaceDescriber()
    except (AssetError, ImportError) as error:
        pytest.skip(str(error))


def test_light_does_not_change_a_person(describer, avatar):
    own = describer.describe(avatar.reference, avatar.marks)
    dark = (0.6 * avatar.reference).astype(np.uint8)
    assert distance(own, own) == 0.0
    assert 0 < distance(own, describer.describe(dark, avatar.marks)) < 0.5 * SAME_PERSON


def test_landmarks_stand_in_where_no_face_is_found(describer, avatar):
    """Half covered, the face is lost on dlib's detector; the box by landmarks is near the detector's."""
    hidden = avatar.reference.copy()
    low = int(avatar.marks[:, 1].mean())
    hidden[low:] = 0
    assert np.isfinite(describer.describe(hidden, avatar.marks)).all()
    found = max(describer._detector(avatar.reference), key=lambda one: one.area())
    box = describer._box(avatar.marks)
    assert box.intersect(found).area() > 0.6 * max(box.area(), found.area())


@pytest.mark.corpus
def test_strangers_are_strangers(describer, corpus, avatar):
    own = describer.describe(avatar.reference, avatar.marks)
    other = np.asarray(Image.open(corpus / "portraits" / "380.jpg").convert("RGB"))
    assert distance(own, describer.describe(other, avatar.marks)) > SAME_PERSON
