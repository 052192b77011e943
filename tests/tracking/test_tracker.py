"""The seam `Tracker`: MediaPipe and the fake keep one contract."""

import numpy as np
import pytest
import skimage.data

from models.tracking.tracker import FaceTracker, FakeTracker

FACE = np.ascontiguousarray(skimage.data.astronaut())
NOBODY = np.zeros_like(FACE)


@pytest.mark.parametrize("tracker", [FaceTracker, FakeTracker])
def test_the_contract(tracker):
    with tracker() as eyes:
        assert eyes.see(NOBODY, 0) is None
        face = eyes.see(FACE, 40)
        assert 0 <= face.expression.min() <= face.expression.max() <= 1
        assert np.allclose(face.rotation @ face.rotation.T, np.eye(3), atol=1e-2)
        loose = np.concatenate([FACE, NOBODY], axis=1)[:, : FACE.shape[1]]
        assert eyes.see(loose, 80) is not None, "rows need not be packed"
        with pytest.raises(ValueError, match=r".+"):
            eyes.see(FACE, 80)
