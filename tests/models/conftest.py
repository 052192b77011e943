"""One avatar for all tests of pictures: the default one, made once."""

import numpy as np
import pytest
import skimage.data

from models.avatar import load_avatar
from models.portrait.create import default_avatar


@pytest.fixture(scope="session")
def avatars_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("avatars")


@pytest.fixture(scope="session")
def avatar(avatars_folder):
    return load_avatar(default_avatar(avatars_folder, progress=lambda *_: None))


@pytest.fixture(scope="session")
def astronaut():
    return np.asarray(skimage.data.astronaut())
