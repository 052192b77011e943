"""Keys of avatars, and the mark in pictures."""

import json
import os
import stat

import numpy as np
import pytest

from models.avatar import AvatarNotFoundError, read_ownership, renew_key
from models.home import home
from models.keys import keep_key, key_of
from models.mark import MarkedPicture
from models.motion.frame import MotionFrame
from models.ownership import NOBODYS, OPEN, Ownership, key_hash, new_key
from models.picture import BoxPicture, Tier


@pytest.fixture(autouse=True)
def fresh_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VISAVIS_HOME", str(tmp_path / "home"))


def test_only_the_key_opens_and_a_card_does_not_tell_it():
    key = new_key()
    owned = Ownership("Ada", key_hash(key))
    assert Ownership.of(json.loads(json.dumps(owned.card()))) == owned
    assert key not in json.dumps(owned.card())
    assert owned.lets(key)
    assert owned.lets(f" {key}\n")
    assert not any(owned.lets(wrong) for wrong in ("", key[1:], new_key(), key_hash(key)))
    assert OPEN.lets("")
    assert not NOBODYS.lets("")
    assert Ownership.of({"format": 1, "name": "old"}) == NOBODYS


def test_a_new_key_makes_the_old_one_worthless(tmp_path):
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "avatar.json").write_text(json.dumps({"format": 1, "title": "Ada", "made_by": "Ada L."}))
    assert not read_ownership(folder).lets("")
    first, second = renew_key(folder), renew_key(folder)
    assert not read_ownership(folder).lets(first)
    assert read_ownership(folder).lets(second)
    card = json.loads((folder / "avatar.json").read_text())
    assert (card["title"], card["made_by"]) == ("Ada", "Ada L.")
    with pytest.raises(AvatarNotFoundError, match="ada"):
        renew_key(tmp_path / "nobody")


def test_keys_are_kept_for_their_owner_alone():
    assert key_of("ada") == ""
    keep_key("ada", "one")
    keep_key("bob", "two")
    assert (key_of("ada"), key_of("bob")) == ("one", "two")
    assert stat.S_IMODE(os.stat(home() / "keys.json").st_mode) == 0o600


def test_the_mark_is_in_the_corner_and_nowhere_else():
    plain, marked = BoxPicture(512), MarkedPicture(BoxPicture(512))
    before, _ = plain.step(MotionFrame.rest(), plain.init_state(), Tier.WARP)
    after, _ = marked.step(MotionFrame.rest(), marked.init_state(), Tier.WARP)
    changed = np.argwhere((before != after).any(-1))
    assert len(changed) > 400
    assert changed[:, 0].min() > 460
    assert changed[:, 1].max() < 64
    assert marked.size == 512
    assert after.min() < 100 < 230 < after.max(), "a dark plate with light letters"
