"""Find MediaPipe's landmarks on the body: `python -m training.face_marks --portraits DIR`.

Renders random bodies, lets the landmarker look at them, and notes which triangle lies under each landmark.
What the renders get wrong (a painted eye is no eye) is then taken out on photographs: fit them all, and move
each landmark by its median error, five times over; those of the lips stay on the lips' edges
(`training.lip_marks`). Portraits 0 to 379 train, the rest report.
"""

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8
from rich.progress import track
from safetensors.numpy import save_file

from models.body.body import GAZE_RAD, BodyModel, joint_rotations
from models.body.rig import RIG, RIG_INDEX, Region
from models.controls.raster import CpuRasterizer, Fragments
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.portrait.face import LANDMARKS, Face
from models.portrait.fit import start_fit
from models.portrait.landmarks import FaceFinder
from models.portrait.marks import ASSET, PHENOTYPES, fit_priors
from models.portrait.photo import SIZE, open_photo
from models.portrait.solve import FaceFit, MarkModel, fit_face
from training.lip_marks import on_surface, tie_lips

RENDERS: Final = 40
TRAIN: Final = 380
ROUNDS: Final = 5
IRIS_RADIUS_M: Final = 0.0058
IRIS_RING: Final = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
"""Order of the iris landmarks: centre, towards the picture's right, top, left, bottom."""
_log = logging.getLogger(__name__)
_PAINT: Final = {
    Region.TORSO: (205, 160, 135), Region.HEAD: (205, 160, 135), Region.HAND: (205, 160, 135),
    Region.SOCKET: (120, 60, 60), Region.MOUTH: (110, 30, 35), Region.TONGUE: (110, 30, 35),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Anchors:
    triangle: Int32[np.ndarray, "478"]
    barycentric: Float64[np.ndarray, "478 3"]


def _render(
    body: BodyModel, vertices: Float32[np.ndarray, "vertices 3"]
) -> tuple[UInt8[np.ndarray, "size size 3"], Fragments]:
    """Draw a shaded head with painted eyes."""
    eyes = np.unique(body.triangles[np.isin(body.regions, (Region.EYE_LEFT, Region.EYE_RIGHT))])
    centre = vertices[eyes].mean(0) - np.array([0, 0.03, 0], np.float32)
    seen = vertices - centre
    depth = 1.0 - seen[:, 2]
    points = SIZE / 2 + 1100 * seen[:, :2] / depth[:, None] * np.array([1, -1], np.float32)
    fragments = CpuRasterizer().rasterize(points.astype(np.float32), depth, body.triangles, SIZE, SIZE)
    hit = fragments.triangle >= 0
    corners, weights = body.triangles[fragments.triangle[hit]], fragments.barycentric[hit][..., None]
    face_normal = np.cross(
        vertices[body.triangles[:, 1]] - vertices[body.triangles[:, 0]],
        vertices[body.triangles[:, 2]] - vertices[body.triangles[:, 0]],
    )
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, body.triangles[:, corner], face_normal)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    light = np.array([0.3, 0.5, 0.8]) / np.linalg.norm([0.3, 0.5, 0.8])
    shade = 0.35 + 0.65 * np.clip((normals[corners] * weights).sum(1) @ light, 0, 1)
    region = body.regions[fragments.triangle[hit]]
    colour = np.zeros((len(region), 3))
    for kind, paint in _PAINT.items():
        colour[region == kind] = paint
    colour *= shade[:, None]
    surface = (vertices[corners] * weights).sum(1)
    for kind in (Region.EYE_LEFT, Region.EYE_RIGHT):
        ball = region == kind
        middle = vertices[np.unique(body.triangles[body.regions == kind])].mean(0)
        ray = surface[ball] - middle
        angle = np.degrees(np.arccos(np.clip(ray[:, 2] / np.linalg.norm(ray, axis=1), -1, 1)))[:, None]
        colour[ball] = np.where(angle < 12, (15, 10, 10), np.where(angle < 27, (70, 45, 30), (235, 232, 230)))
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    picture[hit] = colour.astype(np.uint8)
    return picture, fragments


def _look_at_renders(body: BodyModel, seed: int) -> _Anchors:
    """Return the triangle and barycentrics under each landmark, the medoid over random bodies."""
    rng = np.random.default_rng(seed)
    rest = MotionFrame.rest()
    hits: list[list[tuple[int, Float32[np.ndarray, 3]]]] = [[] for _ in range(LANDMARKS)]
    with FaceFinder() as finder:
        for _ in track(range(RENDERS), description="Landmarks on renders"):
            shape = rng.normal(0, 0.25, body.components).astype(np.float32)
            shape[:PHENOTYPES] *= 3
            rotations = np.zeros((len(RIG), 3), np.float32)
            rotations[RIG_INDEX["head"]] = np.radians(rng.uniform((-12, -22, 0), (12, 22, 0)))
            vertices = body.identity(shape).pose(rest.expression, joint_rotations(rest, rotations))
            picture, fragments = _render(body, vertices)
            for face in finder.find(picture)[:1]:
                _collect(face, fragments, body, hits)
    triangle, barycentric = np.zeros(LANDMARKS, np.int32), np.zeros((LANDMARKS, 3))
    for mark, found in enumerate(hits):
        if not found:
            continue
        at = np.array([t for t, _ in found])
        weights = np.stack([w for _, w in found])
        places = (body.mean[body.triangles[at]] * weights[..., None]).sum(1)
        best = int(np.argmin(np.linalg.norm(places - np.median(places, 0), axis=1)))
        triangle[mark], barycentric[mark] = at[best], weights[best]
    return _Anchors(triangle, barycentric)


def _collect(
    face: Face,
    fragments: Fragments,
    body: BodyModel,
    hits: list[list[tuple[int, Float32[np.ndarray, "3"]]]],
) -> None:
    pixels = np.round(face.points[:, :2] - 0.5).astype(int)
    for mark, (x, y) in enumerate(pixels):
        if 0 <= x < SIZE and 0 <= y < SIZE:
            at = int(fragments.triangle[y, x])
            if at >= 0 and body.regions[at] == Region.HEAD:
                hits[mark].append((at, fragments.barycentric[y, x]))


def _mark_model(body: BodyModel, anchors: _Anchors) -> MarkModel:
    """Lift mean, shape and expression from vertices to landmarks; irises go onto the eyeballs."""
    marks = on_surface(body, anchors.triangle, anchors.barycentric)
    _place_iris(body, marks, 468, "right", Region.EYE_RIGHT)
    _place_iris(body, marks, 473, "left", Region.EYE_LEFT)
    return marks


def _place_iris(body: BodyModel, marks: MarkModel, first: int, side: str, region: Region) -> None:
    ball = np.unique(body.triangles[body.regions == region])
    centre = body.mean[ball].mean(0)
    radius = float(np.median(np.linalg.norm(body.mean[ball] - centre, axis=1)))
    outward = 1.0 if side == "left" else -1.0
    turns = {
        "Out": (0, outward * GAZE_RAD[0], 0), "In": (0, -outward * GAZE_RAD[0], 0),
        "Down": (GAZE_RAD[1], 0, 0), "Up": (-GAZE_RAD[1], 0, 0),
    }  # fmt: skip
    for number, (u, v) in enumerate(IRIS_RING):
        mark = first + number
        x, y = u * IRIS_RADIUS_M, v * IRIS_RADIUS_M
        arm = np.array([x, y, np.sqrt(radius**2 - x**2 - y**2)])
        marks.mean[mark] = centre + arm
        marks.shape[:, mark] = body.shape[:, ball].mean(1)
        marks.expression[:, mark] = 0
        for way, axis in turns.items():
            marks.expression[EXPRESSION_INDEX[f"eyeLook{way}{side.capitalize()}"], mark] = np.cross(axis, arm)


def _fit_all(marks: MarkModel, faces: list[Face]) -> list[FaceFit]:
    priors = fit_priors(len(marks.shape))
    return [
        fit_face(
            marks, face.points[:, :2].astype(np.float64), start_fit(marks, face), priors,
            centre=SIZE / 2, height_px=face.height_px,
        )
        for face in faces
    ]  # fmt: skip


def _median_error(marks: MarkModel, faces: list[Face], fits: list[FaceFit]) -> Float64[np.ndarray, "478 3"]:
    """Return what is left over between fit and photograph, in the head's own frame, in metres."""
    errors = []
    for face, fit in zip(faces, fits, strict=True):
        depth = -(fit.points(marks) @ fit.rotation.T + fit.translation)[:, 2]
        miss = (face.points[:, :2] - fit.project(marks, SIZE / 2)) * (depth / np.exp(fit.log_focal))[:, None]
        errors.append(np.stack([miss[:, 0], -miss[:, 1], np.zeros(len(miss))], 1) @ fit.rotation)
    return np.median(errors, 0)


def _faces(folder: Path) -> list[Face]:
    with FaceFinder() as finder:
        found = [finder.find(open_photo(path)) for path in track(sorted(folder.glob("*.jpg")), "Portraits")]
    return [faces[0] for faces in found if faces]


def main() -> None:
    """Make the landmark model and print its error on held-out portraits."""
    parser = argparse.ArgumentParser(description="Find the landmarks on the body.")
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--target", type=Path, default=ASSET)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    body = BodyModel.load()
    marks = tie_lips(body, _mark_model(body, _look_at_renders(body, options.seed)))
    faces = _faces(options.portraits)
    train, held_out = faces[:TRAIN:3], faces[TRAIN:]
    for _ in track(range(ROUNDS), description="Refining"):
        moved = marks.mean + _median_error(marks, train, _fit_all(marks, train))
        marks = tie_lips(body, MarkModel(moved, marks.shape, marks.expression))
    errors = 100 * np.array([fit.error for fit in _fit_all(marks, held_out)])
    save_file(
        {
            "mean": marks.mean.astype(np.float32),
            "shape": np.ascontiguousarray(marks.shape.astype(np.float16)),
            "expression": np.ascontiguousarray(marks.expression.astype(np.float16)),
        },
        options.target,
        metadata={"command": f"python -m training.face_marks --portraits DIR --seed {options.seed}"},
    )
    _log.info(
        json.dumps({"held_out": len(errors), "mean_percent": errors.mean(), "worst_percent": errors.max()})
    )


if __name__ == "__main__":
    main()
