"""The page fits a face to an avatar as Python does."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.motion.frame import EXPRESSIONS
from models.portrait.face import LANDMARKS, Face
from models.tracking.retarget import Retarget
from tests.house.repository import ROOT

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no node on the PATH")


def faces():
    """Somebody who moves in every channel, looks away, blinks, and is lost twice."""
    random = np.random.default_rng(5)
    walk = np.cumsum(0.03 * random.standard_normal((160, len(EXPRESSIONS))), axis=0)
    turns = np.cumsum(0.05 * random.standard_normal((160, 3)), axis=0)
    for i in range(160):
        if 70 <= i < 74 or 90 <= i < 105:
            yield None
            continue
        weights = np.abs(np.sin(walk[i] + i / 30)).astype(np.float32)
        rotation = Rotation.from_rotvec(turns[i]).as_matrix().astype(np.float32)
        yield Face(np.zeros((LANDMARKS, 3), np.float32), weights, rotation)


def as_page(face):
    return {"expression": face.expression.tolist(), "rotation": face.rotation.ravel().tolist()}


def test_both_make_the_same_motion():
    seen = list(faces())
    lines = [
        json.dumps(
            face and {"expression": face.expression.tolist(), "rotation": face.rotation.ravel().tolist()}
        )
        for face in seen
    ]
    peer, page = ROOT / "tests/tracking/retarget_peer.mjs", ROOT / "streaming/page/retarget.js"
    done = subprocess.run(
        ["node", str(peer), str(page)], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    stage = Retarget()
    state = stage.init_state()
    for face, their in zip(seen, theirs, strict=True):
        pose, state = stage.step(face, state)
        assert (their["trust"], their["calibrated"]) == (str(pose.trust), pose.calibrated)
        assert np.allclose(their["motion"], pose.motion.vector(), atol=2e-4)
