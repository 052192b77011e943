"""One photograph as many: what is changed is changed alike in all that is given."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.video.conditions import FIRST_CLASS, SIDE  # noqa: E402
from training.pictures.loss import mouth  # noqa: E402
from training.pictures.part import Part, cut  # noqa: E402
from training.pictures.vary import vary  # noqa: E402

pytestmark = pytest.mark.usefixtures("unchecked")


def test_a_stranger_is_bent_alike_in_all_that_is_given(clip, tmp_path):
    """The lips of the picture stay where Cᵈ says, and truth and warp differ no more than before."""
    clip.save(tmp_path / "clip.safetensors")
    part = cut(tmp_path / "clip.safetensors", np.s_[:1], (0, 0), SIDE)
    marked = part.frames(np.copy)
    inside = mouth(torch.from_numpy(part.controls), SIDE)[0, 0].numpy() > 0.5
    marked.target[0][inside] = marked.warp[0][inside] = (255, 0, 255)
    for seed in range(4):
        bent = vary(marked, np.random.default_rng(seed), blurred=0.0, strangers=1.0)
        there = mouth(torch.from_numpy(bent.controls), SIDE)[0, 0].numpy() > 0.5
        apart = bent.target[0].astype(float) - bent.target[0][there].mean(0)
        pink = np.abs(apart).sum(-1) < 120
        assert (pink & there).sum() > 0.8 * (pink | there).sum()
        assert (there != inside).mean() > 0.002, "it moved"
        assert (bent.target[0][there] == bent.warp[0][there]).mean() > 0.97
        classes = bent.controls[0, FIRST_CLASS:-1]
        assert (classes.sum(0) == 1).all(), "each place is of one class still"


def test_grey_stays_grey_on_strangers_but_for_the_light(clip):
    grey = np.repeat(np.random.default_rng(0).integers(60, 180, (1, 64, 64, 1), np.uint8), 3, -1)
    part = Part(grey, grey, grey, np.zeros((1, 16, 16, 16), np.float32))
    only = Unturned(np.random.PCG64(1))
    seen = vary(part, only, blurred=0.0, strangers=1.0).target.astype(int)
    assert np.ptp(seen, axis=-1).max() <= 1
    assert np.abs(seen - grey).max() > 5


class Unturned(np.random.Generator):
    """Neither mirrors nor colours a part."""

    def random(self):
        self.calls = getattr(self, "calls", 0) + 1
        return 0.9


def test_mirrors_swap_the_eyes(clip, tmp_path):
    clip.save(tmp_path / "clip.safetensors")
    part = cut(tmp_path / "clip.safetensors", np.s_[:1], (0, 0), SIDE)

    class Always(np.random.Generator):
        """Mirrors, and does no more."""

        def random(self):
            self.calls = getattr(self, "calls", 0) + 1
            return 0.0 if self.calls == 1 else 1.0

    mirrored = vary(part, Always(np.random.PCG64(0)))
    assert (mirrored.target[:, :, ::-1] == part.target).all()
    eyes = part.controls[0, 3 + 4], part.controls[0, 3 + 5]
    assert eyes[0].sum() > 0
    assert (mirrored.controls[0, 3 + 5][:, ::-1] == eyes[0]).all()
    assert (mirrored.controls[0, 3 + 4][:, ::-1] == eyes[1]).all()
