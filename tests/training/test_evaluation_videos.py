"""Videos to look at: every row is there, picture and sound are as long as the scene."""

import av
import numpy as np
import pytest
from PIL import Image

from models.motion.frame import EXPRESSION_INDEX, MOTION_SIZE
from models.motion.stage import SAMPLES_PER_FRAME, StillMotion
from models.picture import BoxPicture
from tests.motion.voices import buzz, sentence
from training.evaluation.movie import write_movie
from training.evaluation.systems import System
from training.evaluation.videos import PANEL_PX, SHEET_FRAMES, Face, Scene, film

PCM = buzz(sentence())
FRAMES = len(PCM) // SAMPLES_PER_FRAME
SYSTEMS = [System("still", StillMotion()), System("told", StillMotion(), knows_phones=True)]
BOX = Face("box", BoxPicture())


def worn():
    motion = np.zeros((FRAMES, MOTION_SIZE), np.float32)
    motion[:, EXPRESSION_INDEX["jawOpen"]] = np.linspace(0.0, 1.0, FRAMES)
    return motion


def test_a_video_has_a_column_for_each_and_the_whole_sound(tmp_path):
    filmed = tuple(np.full((PANEL_PX, PANEL_PX, 3), 200, np.uint8) for _ in range(FRAMES))
    scene = Scene("buzz", PCM, sentence(), filmed, worn())
    sheet = film(scene, BOX, SYSTEMS, tmp_path)
    with av.open(str(sheet.with_suffix(".mp4"))) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(sheet.with_suffix(".mp4"))) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(pictures) == FRAMES
    assert pictures[0].shape == (PANEL_PX, 4 * PANEL_PX, 3)
    assert len(sound) == pytest.approx(len(PCM), abs=2048)
    assert np.sqrt((sound**2).mean()) == pytest.approx(np.sqrt((PCM**2).mean()), rel=0.3)
    assert Image.open(sheet).size[0] == 128 * SHEET_FRAMES
    tracked = [picture[:, PANEL_PX : 2 * PANEL_PX].mean() for picture in (pictures[0], pictures[-1])]
    assert tracked[1] < tracked[0] - 5.0


def test_a_sheet_alone_draws_no_more_than_it_shows(tmp_path):
    sheet = film(Scene("buzz", PCM), BOX, SYSTEMS, tmp_path, movie=False)
    assert not list(tmp_path.glob("*.mp4"))
    assert Image.open(sheet).size == (128 * SHEET_FRAMES, 128)


def test_no_picture_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="no picture"):
        write_movie(tmp_path / "a.mp4", [], PCM)
    assert not list(tmp_path.iterdir())
