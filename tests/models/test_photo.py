"""Whatever people upload: a right answer, or an error that says what to do."""

import io

import numpy as np
import pytest
from PIL import Image

from models.avatar import list_avatars
from models.portrait.create import create_avatar
from models.portrait.errors import (
    NoFaceError,
    PortraitError,
    SeveralFacesError,
    TooSmallError,
    UnreadablePhotoError,
)
from models.portrait.photo import SIZE, frame_person, open_photo


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def create(photo, folder):
    return create_avatar(photo, "someone", folder, progress=lambda *_: None)


@pytest.fixture
def portrait(astronaut):
    return Image.fromarray(astronaut)


def test_rotation_from_the_camera_is_undone(portrait):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(portrait.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    upright = open_photo(turned).astype(int)
    assert np.abs(upright - np.asarray(portrait)).mean() < 6


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_rgb(portrait, mode):
    if mode == "I;16":
        image = Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257)
    else:
        image = portrait.convert(mode)
    opened = open_photo(encode(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert opened.shape == (512, 512, 3)
    assert opened.dtype == np.uint8
    assert 40 < opened.mean() < 220


def test_transparency_lies_over_grey(portrait):
    clear = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    assert (open_photo(encode(clear)) == 128).all()


def test_fifty_megapixels_are_scaled_down(portrait):
    large = portrait.resize((7100, 7100))
    opened = open_photo(encode(large, "JPEG", quality=60))
    assert max(opened.shape) <= 2048


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(UnreadablePhotoError, match="cannot be read as a picture"):
        open_photo(content)


def test_a_cut_off_picture_is_refused(portrait):
    whole = encode(portrait, "JPEG")
    with pytest.raises(UnreadablePhotoError):
        open_photo(whole[: len(whole) // 3])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadablePhotoError):
        open_photo(tmp_path / "nobody.jpg")


def test_a_face_of_good_size_keeps_the_whole_height():
    wide = np.random.default_rng(0).integers(0, 255, (512, 912, 3)).astype(np.uint8)
    framed = frame_person(wide, (570.0, 70.0, 680.0, 230.0))
    left = 625 - SIZE // 2
    np.testing.assert_array_equal(framed, wide[:, left : left + SIZE])


def test_a_small_face_is_brought_nearer():
    photo = np.full((1000, 1000, 3), 90, np.uint8)
    photo[300:400, 450:550] = 255
    framed = frame_person(photo, (450.0, 300.0, 550.0, 400.0))
    rows = np.flatnonzero((framed[..., 0] > 170).any(1))
    assert 0.25 < (rows[-1] - rows[0]) / SIZE < 0.35


def test_a_landscape_has_no_face(tmp_path):
    sky = np.tile(np.linspace(80, 220, 400, dtype=np.uint8)[:, None, None], (1, 600, 3))
    with pytest.raises(NoFaceError, match="one face"):
        create(encode(Image.fromarray(sky)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_people_are_too_many(portrait, tmp_path):
    both = Image.new("RGB", (1024, 512))
    both.paste(portrait, (0, 0))
    both.paste(portrait, (512, 0))
    with pytest.raises(SeveralFacesError, match="Crop"):
        create(encode(both), tmp_path)


def test_a_tiny_face_is_too_small(portrait, tmp_path):
    with pytest.raises((TooSmallError, NoFaceError)):
        create(encode(portrait.resize((160, 160))), tmp_path)


@pytest.mark.parametrize("name", ["", "../up", "Big", "a" * 60, "a b", ".hidden"])
def test_names_that_are_no_folder_names_are_refused(name, tmp_path):
    with pytest.raises(PortraitError, match="avatar's name"):
        create_avatar(b"", name, tmp_path, progress=lambda *_: None)
    assert list_avatars(tmp_path) == []


def test_greyscale_becomes_an_avatar(portrait, tmp_path):
    assert create(encode(portrait.convert("L")), tmp_path).is_dir()
    assert list_avatars(tmp_path) == ["someone"]
