import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from models.avatar import AvatarNotFoundError, list_avatars, load_avatar, save_avatar
from models.camera import diagonal_fov_deg
from models.portrait.create import create_avatar, default_avatar


def test_the_default_avatar_fits_closely_and_is_made_once(avatar, avatars_folder):
    assert avatar.fit.error < 0.01
    assert 15 < diagonal_fov_deg(avatar.fit.focal_px, avatar.side) < 70
    stamp = (avatars_folder / "eileen" / "avatar.json").stat().st_mtime_ns
    default_avatar(avatars_folder, progress=lambda *_: None)
    assert (avatars_folder / "eileen" / "avatar.json").stat().st_mtime_ns == stamp


def test_what_is_saved_is_loaded(avatar, tmp_path):
    folder = save_avatar(avatar, {}, tmp_path)
    again = load_avatar(folder)
    for field in dataclasses.fields(avatar.fit):
        np.testing.assert_array_equal(
            getattr(again.fit, field.name), np.float32(getattr(avatar.fit, field.name)), err_msg=field.name
        )
    np.testing.assert_array_equal(again.reference, avatar.reference)
    np.testing.assert_array_equal(again.marks, avatar.marks)


def test_saving_again_replaces_whole(avatar, tmp_path):
    save_avatar(avatar, {}, tmp_path)
    save_avatar(dataclasses.replace(avatar, title="Other"), {}, tmp_path)
    assert load_avatar(tmp_path / avatar.name).title == "Other"
    assert [path.name for path in tmp_path.iterdir()] == [avatar.name]


def test_a_failed_save_leaves_nothing(avatar, tmp_path):
    unwritable = dataclasses.replace(avatar, title=b"no text")
    with pytest.raises(TypeError):
        save_avatar(unwritable, {}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(astronaut, tmp_path):
    class StopError(Exception):
        pass

    def stop_at_saving(stage, fraction):
        if stage == "Saving":
            raise StopError

    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "PNG")
    with pytest.raises(StopError):
        create_avatar(buffer.getvalue(), "half", tmp_path, progress=stop_at_saving)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_avatar_names_the_known(avatars_folder, avatar):
    with pytest.raises(AvatarNotFoundError, match=r"no avatar 'bob'.*eileen"):
        load_avatar(avatars_folder / "bob")
    assert list_avatars(avatars_folder) == ["eileen"]


def test_another_format_is_refused(avatar, tmp_path):
    folder = save_avatar(avatar, {}, tmp_path)
    card = json.loads((folder / "avatar.json").read_text())
    (folder / "avatar.json").write_text(json.dumps(card | {"format": 99}))
    with pytest.raises(AvatarNotFoundError, match="format 99"):
        load_avatar(folder)
