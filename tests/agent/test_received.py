"""The measure of pictures against sound finds a delay that was put in, and none where there is none.

That of lips against words is tested with real lips: `tests/motion/test_lips_lag.py`.
"""

import numpy as np
import pytest

from benchmarks.media import Media
from benchmarks.received import picture_offsets_s, sound_delay_s

MOUTH = (0.4, 0.6, 0.6, 0.8)


def media(sound_late_s=0.0, pictures_late_s=0.0, noise=0.0):
    """Two answers of 2 s with pictures that change while they sound."""
    made, random = Media(MOUTH), np.random.default_rng(0)
    grain = np.random.default_rng(1)
    face = random.uniform(0, 200, (128, 128))
    for frame in range(250):
        at_s = frame / 25
        speaks = 2 <= at_s < 4 or 6 <= at_s < 8
        picture = face.copy()
        picture[80:100, 50:80] = random.uniform(0, 255) if speaks else 90
        made.add_picture(at_s + pictures_late_s, picture + grain.normal(0, noise, picture.shape))
        loudness = random.uniform(0.05, 0.5) if speaks else 0.0
        pcm = 32767 * loudness * np.sin(np.arange(960))
        made.add_sound(at_s + sound_late_s, pcm.astype(np.int16), 24_000)
    return made


@pytest.mark.parametrize(("sound_late_s", "pictures_late_s"), [(0, 0), (0.2, 0.2), (3.0, 3.08), (0.3, 0.18)])
def test_what_was_put_in_is_found(sound_late_s, pictures_late_s):
    sent, got = media(), media(sound_late_s, pictures_late_s, noise=3.0)
    assert sound_delay_s(sent, got) == pytest.approx(sound_late_s, abs=0.011)
    offsets = picture_offsets_s(sent, got)
    assert len(offsets) == 2
    assert offsets == pytest.approx([pictures_late_s - sound_late_s] * 2, abs=0.021)
