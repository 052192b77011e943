"""The default portrait, for what trains on photographs."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from models.avatar import load_avatar
from models.portrait.create import default_avatar


@pytest.fixture(scope="session")
def default_portrait(tmp_path_factory):
    return load_avatar(default_avatar(tmp_path_factory.mktemp("portrait"), progress=lambda *_: None))


@pytest.fixture(scope="session")
def default_photo():
    return Image.fromarray(np.asarray(skimage.data.astronaut()))
