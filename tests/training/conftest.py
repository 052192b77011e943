"""The default portrait, for what trains on photographs."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.avatar import load_avatar
from models.portrait.create import default_avatar
from models.warp import WarpPicture
from training.pictures.clip import make_clip


@pytest.fixture(scope="session")
def default_portrait(tmp_path_factory):
    return load_avatar(default_avatar(tmp_path_factory.mktemp("portrait"), progress=lambda *_: None))


@pytest.fixture(scope="session")
def default_photo():
    return Image.fromarray(np.asarray(skimage.data.astronaut()))


@pytest.fixture(scope="session")
def warp(default_portrait):
    return WarpPicture(default_portrait)


@pytest.fixture(scope="session")
def clip(warp):
    """One packed example of it."""
    return make_clip(warp, 3)
