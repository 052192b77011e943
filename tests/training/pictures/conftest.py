"""The default portrait, made once for these tests, and a video of it that moves."""

from fractions import Fraction

import av
import pytest

from models.motion.frame import MotionFrame
from models.picture import Tier
from models.warp import WarpPicture
from tests.models.conftest import avatar, avatars_folder  # noqa: F401  (fixtures)


@pytest.fixture(scope="session")
def warp(avatar):  # noqa: F811
    return WarpPicture(avatar)


@pytest.fixture(scope="session")
def moving_clip(warp, tmp_path_factory):
    """Eight pictures in which the mouth opens and the head turns; the first is the portrait at rest."""
    path = tmp_path_factory.mktemp("clips") / "moving.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "12"})
        video.width = video.height = 512
        video.pix_fmt = "yuv444p"
        for number in range(8):
            motion = MotionFrame.named({"jawOpen": 0.06 * number}, {"head": (0, 0.8 * number, 0)})
            picture, _ = warp.step(motion, warp.init_state(), Tier.WARP)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path
