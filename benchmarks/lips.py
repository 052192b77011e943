"""By how much lips follow the sound they belong to, in pictures and sound as a viewer gets them.

What is said is known, so its phones are laid on the received sound (`models.speech.align`), and rules tell
how far lips are open when a person says them (`training.teacher.lips`).
Which combination of grey levels around the mouth follows that opening best, and at which delay, is a question
of least squares. It rests on every sound of an answer, so neither soft beginnings nor a codec's noise decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Num
from scipy import stats

from models.avatar import load_avatar
from models.home import avatars_root
from models.motion.frame import FPS
from models.motion.stage import SPEECH_RATE_HZ, Phone
from models.speech.align import align
from training.evaluation.body_face import aperture_of, face_points
from training.teacher.lips import LipsState, shape_mouth, visemes_at

MARKS: Final = (61, 291, 0, 17)
"""Landmarks of the mouth: its corners, the top and the bottom of the outer lips."""
MARGIN: Final = 1.3
"""Size of what is looked at, over that of the mouth at rest."""
Region = tuple[float, float, float, float]
"""Left, top, width and height, in fractions of a picture."""
LAGS_MS: Final = range(-400, 401, 10)
"""Delays that are tried."""
ROWS, COLUMNS = 12, 18
"""Cells of a mouth's picture: lips are some cells high, and the noise of a codec averages out in one."""
SHAPES: Final = 4
"""Ways in which a mouth's picture changes that are looked at: opening, rounding, and moves of the head."""
LEAD_S: Final = 0.02
"""A mouth shape is reached this much before its sound. Lips then meet some 10 ms before p, b and m are heard,
as people's do in films that are in step with their sound (docs/decisions/024-films-out-of-step.md)."""
AROUND_S: Final = 0.3
"""Silence around an answer that counts too: there the lips are closed."""
BEGIN_S: Final = 0.8
"""How much of an answer is its beginning."""
SURE: Final = 0.95
"""Share of the true delays that are not ruled out."""
FITTED: Final = 3
"""What is fitted to a beginning: how far lips open, around which rest, and how late."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How far lips ought to be open."""

    begin_s: float
    """Time of the first frame."""
    aperture: Float32[np.ndarray, "frames"]
    """One value every 40 ms, over the face's height."""

    @property
    def frame_s(self) -> Float[np.ndarray, "frames"]:
        """Time of each value."""
        return self.begin_s + np.arange(len(self.aperture)) / FPS


@dataclass(frozen=True, slots=True)
class Lag:
    """How late lips are."""

    all_ms: int
    """Over whole answers; negative when they are early."""
    begin_ms: int
    """In the beginnings of the answers alone."""
    begin_between_ms: tuple[int, int]
    """The delays that the pictures of the beginnings do not rule out: few pictures leave many."""
    agreement: float
    """Share of the expected opening's variance that the pictures show at that delay, 0..1."""


def mouth_of(avatar: str) -> Region:
    """Return where an avatar's mouth is. Raises `AvatarNotFoundError`."""
    loaded = load_avatar(avatars_root() / avatar)
    return region_around(loaded.marks[list(MARKS)] / loaded.side)


def region_around(points: Float[np.ndarray, "points 2"]) -> Region:
    """Return the region of a picture that holds some points, and a little more."""
    low, high = points.min(axis=0), points.max(axis=0)
    centre, size = (low + high) / 2, (high - low) * MARGIN
    x, y, width, height = (float(value) for value in (*(centre - size / 2), *size))
    return x, y, width, height


def crop(picture: Num[np.ndarray, "height width"], region: Region) -> Num[np.ndarray, "rows columns"]:
    """Cut a region out of a picture."""
    height, width = picture.shape
    x, y, wide, high = region
    return picture[
        round(y * height) : round((y + high) * height), round(x * width) : round((x + wide) * width)
    ]


def expected_opening(pcm: Float32[np.ndarray, "samples"], text: str, begin_s: float = 0.0) -> Opening:
    """Return how lips move that say `text`.

    Args:
        pcm: the sound, 16 kHz in -1..1, with some silence around it.
        text: all that is said in it.
        begin_s: time of its first sample.

    Raises:
        AlignmentError: when the text does not fit the sound.
    """
    return opening_of(align(pcm, text), len(pcm) * FPS // SPEECH_RATE_HZ, begin_s)


def opening_of(phones: tuple[Phone, ...], frames: int, begin_s: float = 0.0) -> Opening:
    """Return how the lips of an ordinary person move that make these sounds, counted from `begin_s`."""
    state, mouths = LipsState(), []
    for frame in range(frames):
        visemes, state = visemes_at(phones, frame, 1, state, LEAD_S)
        mouths.append(shape_mouth(visemes))
    return Opening(begin_s, aperture_of(face_points(np.array(mouths, np.float32))))


def lips_lag(
    mouths: Float[np.ndarray, "pictures height width"],
    picture_s: Float[np.ndarray, "pictures"],
    openings: Sequence[Opening],
) -> Lag:
    """Return by how much the lips in pictures are later than they ought to be.

    Args:
        mouths: grey levels around the mouth.
        picture_s: when each picture is shown, on the clock of the openings.
        openings: of each answer, `AROUND_S` of silence before and after it included.
    """
    changes = _main_changes(shrink(np.asarray(mouths, np.float32)))
    fits = [_fit(changes, picture_s, openings, lag_ms / 1000) for lag_ms in LAGS_MS]
    best = int(np.argmax([agreement for agreement, _ in fits]))
    agreement, weights = fits[best]
    begins = _beginnings(picture_s - LAGS_MS[best] / 1000, openings)
    begin_ms, between_ms = _lag_ms(changes @ weights, picture_s, openings, begins)
    return Lag(LAGS_MS[best], begin_ms, between_ms, agreement)


def shrink(mouths: Float32[np.ndarray, "pictures height width"]) -> Float32[np.ndarray, "pictures cells"]:
    """Return the mean of each cell of a mouth's picture."""
    height, width = mouths.shape[1:]
    rows = np.linspace(0, height, min(ROWS, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(COLUMNS, width) + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(mouths, rows, axis=1), columns, axis=2)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    return (sums / sizes).reshape(len(mouths), -1)


def _main_changes(cells: Float32[np.ndarray, "pictures cells"]) -> Float32[np.ndarray, "pictures shapes"]:
    """Return the few ways in which pictures of a mouth differ most, picture by picture."""
    u, size, _ = np.linalg.svd(cells - cells.mean(axis=0), full_matrices=False)
    return np.asarray(u[:, :SHAPES] * size[:SHAPES], np.float32)


def _fit(
    changes: Float32[np.ndarray, "pictures shapes"],
    picture_s: Float[np.ndarray, "pictures"],
    openings: Sequence[Opening],
    lag_s: float,
) -> tuple[float, Float[np.ndarray, "shapes"]]:
    """Let the changes follow the openings as well as they can; return how well, and by which weights."""
    wanted, rows = _pairs(picture_s, openings, lag_s)
    y, x = wanted - wanted.mean(), changes[rows] - changes[rows].mean(axis=0)
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    return 1.0 - float(np.sum((y - x @ weights) ** 2)) / max(float(y @ y), 1e-12), weights


def _beginnings(picture_s: Float[np.ndarray, "pictures"], openings: Sequence[Opening]) -> list[np.ndarray]:
    """Return which pictures are of the beginning of each answer, were they shown at these times."""
    since_s = [picture_s - opening.begin_s for opening in openings]
    return [np.flatnonzero((s >= 0) & (s <= AROUND_S + BEGIN_S)) for s in since_s]


def _lag_ms(
    seen: Float[np.ndarray, "pictures"],
    picture_s: Float[np.ndarray, "pictures"],
    openings: Sequence[Opening],
    rows: Sequence[np.ndarray],
) -> tuple[int, tuple[int, int]]:
    """Return the delay at which a curve agrees best with the openings, and between which it may be.

    The same pictures (`rows`, of each opening) judge every delay. One is ruled out by an F test on what is
    left unexplained, where that is noise that goes on from picture to picture.
    """
    at = np.concatenate(rows)
    if not len(at):
        return 0, (LAGS_MS[0], LAGS_MS[-1])
    left = [_left_over(_wanted(picture_s, openings, rows, lag_ms / 1000), seen[at]) for lag_ms in LAGS_MS]
    # The smallest may be 0, as where a picture or two are all there is: those fit any delay.
    spread = np.array([max(float(np.sum(values**2)), 1e-3) for values in left])
    best = int(np.argmin(spread))
    free = _independent(left[best]) - FITTED
    if free <= 0:
        return LAGS_MS[best], (LAGS_MS[0], LAGS_MS[-1])
    likely = free * (spread / spread[best] - 1) <= stats.f.ppf(SURE, 1, free)
    possible = np.array(LAGS_MS)[likely]
    return LAGS_MS[best], (int(possible[0]), int(possible[-1]))


def _left_over(
    wanted: Float[np.ndarray, "pairs"], seen: Float[np.ndarray, "pairs"]
) -> Float[np.ndarray, "pairs"]:
    """Return what a curve of deviation 1 does that the openings do not: all, if it moves against them."""
    y, x = (values - values.mean() for values in (seen, wanted))
    y, x = (values / max(float(np.sqrt(np.mean(values**2))), 1e-12) for values in (y, x))
    return y - max(0.0, float(np.mean(y * x))) * x


def _independent(noise: Float[np.ndarray, "pairs"]) -> float:
    """Return how many independent values tell as much as these, each of which goes on from the one before."""
    goes_on = float(np.mean(noise[1:] * noise[:-1])) if len(noise) > 1 else 0.0
    alike = min(max(goes_on / max(float(np.mean(noise**2)), 1e-12), 0.0), 0.95)
    return len(noise) * (1 - alike) / (1 + alike)


def _pairs(
    picture_s: Float[np.ndarray, "pictures"], openings: Sequence[Opening], lag_s: float
) -> tuple[Float[np.ndarray, "pairs"], np.ndarray]:
    """Return what is expected in the pictures of the answers, were they so late, and which pictures they are.

    Raises:
        ValueError: when no picture belongs to any answer.
    """
    shown_s = picture_s - lag_s
    ends = [(opening.frame_s[0], opening.frame_s[-1]) for opening in openings]
    rows = [np.flatnonzero((shown_s >= first) & (shown_s <= last)) for first, last in ends]
    if not sum(map(len, rows)):
        raise ValueError("no picture was shown during any answer")
    return _wanted(picture_s, openings, rows, lag_s), np.concatenate(rows)


def _wanted(
    picture_s: Float[np.ndarray, "pictures"],
    openings: Sequence[Opening],
    rows: Sequence[np.ndarray],
    lag_s: float,
) -> Float[np.ndarray, "pairs"]:
    """Return what is expected in some pictures of each answer, were they so late."""
    given = zip(openings, rows, strict=True)
    return np.concatenate([np.interp(picture_s[at] - lag_s, o.frame_s, o.aperture) for o, at in given])
