"""How closely the body fits portraits: `python -m training.evaluate_fit DIR [--sheet PNG] [--json]`.

Reports the mean distance of all 478 landmarks from the fitted body, before the residual closes the rest, in
percent of the face's height, and how long a portrait takes from pixels to fit.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.avatar import Avatar
from models.portrait.errors import PortraitError
from models.portrait.fit import fit_portrait
from models.portrait.landmarks import FaceFinder, the_one_face
from models.portrait.photo import SIZE, frame_person, open_photo
from models.portrait.pose import find_keypoints
from models.portrait.preview import draw_preview
from training.sheet import tile

PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")
SHEET_ROWS, SHEET_COLUMNS, TILE_PX = 8, 12, 128


@dataclass(frozen=True, slots=True)
class Fitted:
    """One portrait's outcome."""

    name: str
    error_percent: float
    """NaN when the photo was refused."""
    seconds: float
    refused: str
    overlay: UInt8[np.ndarray, "side side 3"]


def fit_one(path: Path, finder: FaceFinder) -> Fitted:
    """Fit one photo and draw the mesh over it."""
    begun = time.perf_counter()
    picture = open_photo(path)
    try:
        framed = frame_person(picture, the_one_face(finder.search(picture)).box)
        face = the_one_face(finder.find(framed))
        fit = fit_portrait(face, find_keypoints(framed), SIZE)
    except PortraitError as error:
        return Fitted(path.stem, float("nan"), time.perf_counter() - begun, str(error), picture)
    taken = time.perf_counter() - begun
    empty = np.zeros((SIZE, SIZE), np.uint8)
    avatar = Avatar(path.stem, path.stem, framed, empty, framed, fit, face.points[:, :2].copy())
    return Fitted(path.stem, 100 * fit.error, taken, "", draw_preview(avatar)[:, SIZE:])


def summarise(results: list[Fitted]) -> dict[str, float]:
    """Return the figures of the table by name, units in the names."""
    errors = np.array([one.error_percent for one in results])
    fitted = errors[~np.isnan(errors)]
    seconds = np.array([one.seconds for one in results])
    return {
        "portraits": len(results),
        "refused": int(np.isnan(errors).sum()),
        "within_one_percent_fraction": float((fitted <= 1).sum() / len(results)),
        "error_mean_percent": float(fitted.mean()),
        "error_median_percent": float(np.median(fitted)),
        "error_p95_percent": float(np.percentile(fitted, 95)),
        "error_worst_percent": float(fitted.max()),
        "seconds_median": float(np.median(seconds)),
        "seconds_worst": float(seconds.max()),
    }


def _show(figures: dict[str, float], results: list[Fitted]) -> None:
    table = Table("figure", "value", title="Landmark error of the 3D fit, of the face's height")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    console = Console()
    console.print(table)
    for one in results:
        if one.refused:
            console.print(f"{one.name}: {one.refused}")


def main() -> None:
    """Fit every picture of a folder and report."""
    parser = argparse.ArgumentParser(description="How closely the body fits portraits.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of fitted meshes")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    options = parser.parse_args()
    paths = sorted(
        p for p in options.folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
    )
    with FaceFinder() as finder:
        results = [fit_one(path, finder) for path in track(paths, "Fitting", console=Console(stderr=True))]
    figures = summarise(results)
    if options.sheet:
        step = max(len(results) // (SHEET_ROWS * SHEET_COLUMNS), 1)
        shown = [one.overlay for one in results[::step]][: SHEET_ROWS * SHEET_COLUMNS]
        Image.fromarray(tile(shown, SHEET_COLUMNS, TILE_PX)).save(options.sheet)
    if options.json:
        print(json.dumps(figures))  # noqa: T201
    else:
        _show(figures, results)


if __name__ == "__main__":
    main()
