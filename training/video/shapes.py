"""Moving figures: a head, eyes, a mouth and a torso of plain shapes, as videos with all their controls.

They show in a minute whether a video model learns at all. Each has a person of its own (colours, stripes, a
background), moves smoothly and speaks. As in the cycle warp, the reference shows a shut mouth, so that the
mouth's inside, and what the head uncovers, are in the target and not in the warp.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from models.body.rig import Region
from training.video.packed import OTHER, PackedVideo

_NOTHING: Final = 0
_TORSO, _HEAD, _MOUTH = (int(region) + 1 for region in (Region.TORSO, Region.HEAD, Region.MOUTH))
_EYES: Final = (int(Region.EYE_LEFT) + 1, int(Region.EYE_RIGHT) + 1)
_CENTRES: Final = np.array([[0.5, 0.85], [0.5, 0.4], [0.5, 0.55], [0.4, 0.35], [0.6, 0.35]], np.float32)
"""Template places of torso, head, mouth and eyes: what Cᵈ says at their middles."""
_SHUT, _WIDE = 0.02, 0.3
"""Height of a shut and of a wide open mouth, in radii of the head."""


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same in a video: colours 0..1, stripes, the ground behind."""

    skin: Float32[np.ndarray, "3"]
    cloth: Float32[np.ndarray, "3"]
    inside: Float32[np.ndarray, "3"]
    iris: Float32[np.ndarray, "3"]
    ground: Float32[np.ndarray, "2 3"]
    """Colours at the top and at the bottom."""
    stripes: float
    """Per unit of the torso's own coordinates."""
    radius: float
    """Of the head, in sides of the picture."""

    @classmethod
    def draw(cls, random: np.random.Generator) -> "Person":
        """Draw somebody."""
        colours = random.uniform(0.1, 0.9, (6, 3)).astype(np.float32)
        inside = np.array([0.5, 0.1, 0.1], np.float32) * random.uniform(0.5, 1.5)
        return cls(
            0.3 + 0.7 * colours[0], colours[1], inside.astype(np.float32), 0.6 * colours[2],
            colours[3:5], float(random.uniform(4, 9)), float(random.uniform(0.2, 0.26)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame: where the head is, its tilt in radians, and how far the mouth is open, 0..1."""

    x: float
    y: float
    tilt: float
    opening: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame as the controls know it."""

    region: UInt8[np.ndarray, "side side"]
    own: Float32[np.ndarray, "side side 2"]
    """Coordinates of each pixel within its region."""


def move(random: np.random.Generator, frames: int) -> list[Pose]:
    """Draw a smooth motion: a sway of the head, a tilt, a mouth that opens three or four times a second."""
    time_s = np.arange(frames) / 25
    rates, phases = random.uniform(0.3, 1.2, 4), random.uniform(0, 2 * np.pi, 4)
    sway = np.sin(2 * np.pi * rates[:, None] * time_s + phases[:, None])
    talk = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(3, 4) * time_s + phases[3])
    return [
        Pose(0.5 + 0.09 * x, 0.4 + 0.04 * y, 0.25 * tilt, float(opening))
        for x, y, tilt, opening in zip(*sway[:3], talk, strict=True)
    ]


def draw_video(random: np.random.Generator, frames: int, side: int, references: int = 1) -> PackedVideo:
    """Draw a video. References are other poses of the same person, mouth shut.

    Args:
        random: draws person and motion.
        frames: length.
        side: pixels.
        references: how many.
    """
    person = Person.draw(random)
    poses = move(random, frames)
    others = [
        Pose(random.uniform(0.41, 0.59), random.uniform(0.37, 0.43), random.uniform(-0.25, 0.25), 0.0)
        for _ in range(references)
    ]
    drawn, known = [place(person, p, side) for p in poses], [place(person, p, side) for p in others]
    pictures, shown = [paint(person, d) for d in drawn], [paint(person, d) for d in known]
    carried = [
        [carry(person, pose, was, now, before) for pose, now in zip(poses, drawn, strict=True)]
        for was, before in zip(others, zip(known, shown, strict=True), strict=True)
    ]
    return PackedVideo(
        target=np.stack(pictures),
        dense=np.stack([dense(d) for d in drawn]),
        semantic=np.stack([d.region for d in drawn]),
        reference=np.stack(shown),
        reference_frame=np.full(references, OTHER, np.int32),
        warp=np.stack([[warp for warp, _ in row] for row in carried]),
        visible=np.stack([[seen for _, seen in row] for row in carried]),
        keypoints=np.stack([keypoints(person, pose, side) for pose in poses]),
    )


def pack_shapes(
    folder: Path, videos: int, frames: int, side: int, seed: int = 0, references: int = 2
) -> None:
    """Write a corpus of moving figures, one file each."""
    for number in range(videos):
        video = draw_video(np.random.default_rng([seed, number]), frames, side, references)
        video.save(folder / f"{number:05d}.safetensors")


def _grid(side: int) -> Float32[np.ndarray, "side side 2"]:
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    return np.stack(np.meshgrid(line, line), -1)


def _to_head(person: Person, pose: Pose, points: np.ndarray) -> np.ndarray:
    """Carry points of the picture into the head's coordinates, where it is the unit circle."""
    cos, sin = np.cos(pose.tilt), np.sin(pose.tilt)
    away = (points - (pose.x, pose.y)) / person.radius
    return away @ np.array([[cos, -sin], [sin, cos]], np.float32)


def _from_head(person: Person, pose: Pose, own: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(pose.tilt), np.sin(pose.tilt)
    return own @ np.array([[cos, sin], [-sin, cos]], np.float32) * person.radius + (pose.x, pose.y)


def _to_torso(pose: Pose, points: np.ndarray) -> np.ndarray:
    return (points - (0.5 + 0.3 * (pose.x - 0.5), 0.95)) / (0.38, 0.32)


def _from_torso(pose: Pose, own: np.ndarray) -> np.ndarray:
    return own * (0.38, 0.32) + (0.5 + 0.3 * (pose.x - 0.5), 0.95)


def place(person: Person, pose: Pose, side: int) -> Drawn:
    """Say what each pixel belongs to, and where in it the pixel lies."""
    points = _grid(side)
    head, torso = _to_head(person, pose, points), _to_torso(pose, points)
    region = np.full((side, side), _NOTHING, np.uint8)
    region[(torso**2).sum(-1) < 1] = _TORSO
    region[(head**2).sum(-1) < 1] = _HEAD
    height = _SHUT + (_WIDE - _SHUT) * pose.opening
    region[_inside(head, (0.0, 0.45), (0.4, height))] = _MOUTH
    for eye, middle in zip(_EYES, ((-0.4, -0.2), (0.4, -0.2)), strict=True):
        region[_inside(head, middle, (0.18, 0.14))] = eye
    own = np.where((region == _TORSO)[..., None], torso, head)
    return Drawn(region, own.astype(np.float32))


def _inside(
    own: np.ndarray, middle: tuple[float, float], radii: tuple[float, float]
) -> Bool[np.ndarray, "side side"]:
    return (((own - middle) / radii) ** 2).sum(-1) < 1


def paint(person: Person, drawn: Drawn) -> UInt8[np.ndarray, "3 side side"]:
    """Return the picture."""
    side = len(drawn.region)
    height = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(
        person.ground[0] * (1 - height) + person.ground[1] * height, (side, side, 3)
    ).copy()
    x, y = drawn.own[..., 0], drawn.own[..., 1]
    light = (0.85 - 0.25 * x)[..., None]
    wave = 0.5 + 0.5 * np.sin(person.stripes * y)[..., None]
    colours = {
        _TORSO: person.cloth * (0.6 + 0.4 * wave) * light,
        _HEAD: person.skin * light,
        _MOUTH: np.where((y < 0.42)[..., None], 0.9, person.inside),
        _EYES[0]: np.where((np.abs(x + 0.4) < 0.08)[..., None], person.iris, 0.95),
        _EYES[1]: np.where((np.abs(x - 0.4) < 0.08)[..., None], person.iris, 0.95),
    }
    for region, colour in colours.items():
        here = drawn.region == region
        picture[here] = np.broadcast_to(colour, picture.shape)[here]
    return np.ascontiguousarray((255 * picture.clip(0, 1)).astype(np.uint8).transpose(2, 0, 1))


def dense(drawn: Drawn) -> UInt8[np.ndarray, "3 side side"]:
    """Return Cᵈ: each region's own coordinates around its place on the template, and its depth."""
    flat = np.where((drawn.region == _TORSO)[..., None], _CENTRES[0], _CENTRES[1]) + drawn.own * (0.2, 0.2)
    depth = np.sqrt((1 - (drawn.own**2).sum(-1)).clip(0, 1))
    places = np.dstack([flat, depth]) * (drawn.region != _NOTHING)[..., None]
    return np.ascontiguousarray((255 * places.clip(0, 1)).astype(np.uint8).transpose(2, 0, 1))


def carry(
    person: Person, pose: Pose, was: Pose, now: Drawn, before: tuple[Drawn, np.ndarray]
) -> tuple[UInt8[np.ndarray, "3 side side"], UInt8[np.ndarray, "side side"]]:
    """Return Cʷ and its visibility: colours of the reference, where it shows the same point of the body."""
    known, picture = before
    side = len(now.region)
    torso = (now.region == _TORSO)[..., None]
    source = np.where(torso, _from_torso(was, now.own), _from_head(person, was, now.own))
    column, row = np.clip((source * side).astype(int), 0, side - 1).transpose(2, 0, 1)
    seen = (now.region != _NOTHING) & (known.region[row, column] == now.region)
    return picture[:, row, column] * seen.astype(np.uint8), seen.astype(np.uint8) * np.uint8(255)


def keypoints(person: Person, pose: Pose, side: int) -> UInt8[np.ndarray, "side side"]:
    """Return discs at torso, head, mouth and eyes."""
    own = np.array([[0, 0], [0, 0.45 + 0.2 * pose.opening], [-0.4, -0.2], [0.4, -0.2]], np.float32)
    middles = np.vstack([_from_torso(pose, np.zeros((1, 2))), _from_head(person, pose, own)])
    distance = np.linalg.norm(_grid(side)[None] - middles[:, None, None], axis=-1).min(0)
    return (distance < max(0.02, 0.7 / side)).astype(np.uint8) * np.uint8(255)
