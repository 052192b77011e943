"""Measure the lips against real people: tracked lip aperture over what `models.motion.lips` would have done.

    python -m training.evaluate_lips FOLDER [--lead-ms 40] [--json]

FOLDER holds GRID clips (http://spandh.dcs.shef.ac.uk/gridcorpus/): the file name is the sentence, six letters
for command, colour, preposition, letter, digit, adverb. MediaPipe tracks the lips, forced alignment times the
phones, and the figure is Pearson's correlation over the frames of each clip. An energy-driven jaw is the
baseline to beat.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, UInt8

from models.assets import asset_path
from models.motion.acoustic import listen
from models.motion.articulation import VISEMES
from models.motion.frame import EXPRESSION_INDEX, FPS
from models.motion.lips import BLEND, LEAD_S, Blend, LipsState, shape_mouth, visemes_at
from models.motion.prosody import hear, init_prosody
from models.motion.stage import SAMPLES_PER_FRAME, Phone
from models.speech.align import Aligner
from training.evaluation.clips import read_pictures, read_sound

_FIGURES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GRAMMAR: Final[tuple[dict[str, str], ...]] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(zip("z123456789", _FIGURES, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
_COLUMNS: Final = ("rules", "phones", "acoustic", "energy")
_INNER_UPPER, _INNER_LOWER, _FOREHEAD, _CHIN = 13, 14, 10, 152
"""Landmarks of MediaPipe's face mesh: the middle of the inner lips, and the ends of the face."""
_PARTING: Final = {
    "jawOpen": 1.0, "mouthClose": -1.0, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2,
    "mouthUpperUpLeft": 0.1, "mouthUpperUpRight": 0.1, "mouthFunnel": 0.15, "mouthPucker": -0.1,
    "mouthPressLeft": -0.05, "mouthPressRight": -0.05,
}  # fmt: skip
"""How far each shape parts the inner lips, relative to the jaw: a linear reading of ARKit's documentation."""


@dataclass(frozen=True, slots=True)
class LipScore:
    """Correlation of one clip's tracked aperture with the rules, their two halves, and loudness."""

    clip: str
    sentence: str
    frames: int
    rules: float
    phones: float
    acoustic: float
    energy: float


def sentence_of(stem: str) -> str:
    """Return the sentence that a GRID file name encodes, e.g. `bbaf2n` → bin blue at f two now.

    Raises:
        ValueError: The name's last six letters are no GRID sentence.
    """
    code = stem.split("_")[-1]
    try:
        return " ".join(words[letter] for words, letter in zip(_GRAMMAR, code, strict=True))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{stem!r} is no GRID file name such as 'bbaf2n'") from error


def read_clip(path: Path) -> tuple[list[UInt8[np.ndarray, "height width 3"]], Float32[np.ndarray, "samples"]]:
    """Return the pictures of a clip, RGB, 25 a second, and its sound at 16 kHz from the first picture on."""
    return list(read_pictures(path)), read_sound(path)


def track_aperture(pictures: list[UInt8[np.ndarray, "height width 3"]]) -> Float32[np.ndarray, "frames"]:
    """Return the inner lips' distance over the face's height for each picture; NaN where no face is found."""
    import mediapipe as mp
    from mediapipe.tasks import python as tasks

    vision = tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path("face_landmarker"))),
        running_mode=vision.RunningMode.VIDEO,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        results = [
            landmarker.detect_for_video(mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(picture)), 40 * i)
            for i, picture in enumerate(pictures)
        ]
    ratio = pictures[0].shape[0] / pictures[0].shape[1]
    return np.array([_aperture(result.face_landmarks, ratio) for result in results], np.float32)


def _aperture(faces: Any, height_over_width: float) -> float:
    if not faces:
        return float("nan")

    def distance(a: int, b: int) -> float:
        p, q = faces[0][a], faces[0][b]
        return float(np.hypot(p.x - q.x, (p.y - q.y) * height_over_width))

    return distance(_INNER_UPPER, _INNER_LOWER) / distance(_FOREHEAD, _CHIN)


def parting(mouth: Float32[np.ndarray, "52"]) -> float:
    """Return how far ARKit weights part the inner lips, in units of the jaw's weight."""
    return float(sum(weight * mouth[EXPRESSION_INDEX[name]] for name, weight in _PARTING.items()))


def phone_visemes(
    phones: tuple[Phone, ...], frames: int, lead_s: float, blend: Blend = BLEND
) -> Float32[np.ndarray, "frames 15"]:
    """Return the mouth shapes of the phones, frame by frame."""
    state, rows = LipsState(), np.zeros((frames, len(VISEMES)), np.float32)
    for frame in range(frames):
        rows[frame], state = visemes_at(phones, frame, 1, state, lead_s, blend)
    return rows


def heard_visemes(sound: Float32[np.ndarray, "frames 640"]) -> Float32[np.ndarray, "frames 15"]:
    """Return the mouth shapes that only hear, frame by frame."""
    state, rows = init_prosody(), np.zeros((len(sound), len(VISEMES)), np.float32)
    for frame, pcm in enumerate(sound):
        voice, state = hear(pcm, state)
        rows[frame] = listen(state.window, voice.loudness, rows[max(0, frame - 1)])
    return rows


def energy_aperture(sound: Float32[np.ndarray, "frames 640"]) -> Float32[np.ndarray, "frames"]:
    """Return the baseline: each frame's root mean square."""
    return np.asarray(np.sqrt(np.mean(sound**2, axis=1)), np.float32)


def by_frame(pcm: Float32[np.ndarray, "samples"], frames: int) -> Float32[np.ndarray, "frames 640"]:
    """Cut sound into `frames` frames; silence where it ends early."""
    padded = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    used = min(len(pcm), len(padded))
    padded[:used] = pcm[:used]
    return padded.reshape(frames, SAMPLES_PER_FRAME)


def score_clips(folder: Path, lead_s: float = LEAD_S) -> Iterator[LipScore]:
    """Score each `.mpg` of a folder, in the order of their names.

    Raises:
        ValueError: The folder holds no clip, or a name is no GRID sentence.
    """
    paths = sorted(folder.glob("*.mpg"))
    if not paths:
        raise ValueError(f"no .mpg clip in {folder}")
    aligner = Aligner()
    for path in paths:
        sentence = sentence_of(path.stem)
        pictures, pcm = read_clip(path)
        phones = aligner.align(pcm, sentence)
        truth = track_aperture(pictures)
        known = np.isfinite(truth)
        sound = by_frame(pcm, len(truth))
        curves = _apertures(phone_visemes(phones, len(truth), lead_s), heard_visemes(sound))
        curves["energy"] = energy_aperture(sound)
        scores = {
            name: float(np.corrcoef(truth[known], curve[known])[0, 1]) for name, curve in curves.items()
        }
        yield LipScore(path.stem, sentence, int(known.sum()), **scores)


def _apertures(
    said: Float32[np.ndarray, "frames 15"], heard: Float32[np.ndarray, "frames 15"]
) -> dict[str, Float32[np.ndarray, "frames"]]:
    """Return the apertures of the live rules (phones and sound), of phones alone, and of sound alone."""
    mouths = {
        "rules": [shape_mouth(a, heard=b) for a, b in zip(said, heard, strict=True)],
        "phones": [shape_mouth(a) for a in said],
        "acoustic": [shape_mouth(b) for b in heard],
    }
    return {name: np.array([parting(mouth) for mouth in rows], np.float32) for name, rows in mouths.items()}


def main(argv: list[str] | None = None) -> None:
    """Print a table of scores and their means, or one JSON line."""
    parser = argparse.ArgumentParser(prog="evaluate_lips", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="GRID clips")
    parser.add_argument(
        "--lead-ms", type=float, default=1000 * LEAD_S, help="how early lips move (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    args = parser.parse_args(argv)
    scores = list(score_clips(args.folder, args.lead_ms / 1000))
    means = {name: float(np.mean([getattr(score, name) for score in scores])) for name in _COLUMNS}
    if args.json:
        line = {
            "clips": [asdict(score) for score in scores],
            "mean": means,
            "lead_ms": args.lead_ms,
            "fps": FPS,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        return
    sys.stdout.write(_row("clip", _COLUMNS, "sentence"))
    for score in scores:
        cells = [f"{getattr(score, name):.3f}" for name in _COLUMNS]
        sys.stdout.write(_row(score.clip, cells, score.sentence))
    cells = [f"{means[name]:.3f}" for name in _COLUMNS]
    sys.stdout.write(_row("mean", cells, f"lips lead by {args.lead_ms:.0f} ms"))


def _row(first: str, cells: Sequence[str], last: str) -> str:
    return f"{first:16}" + "".join(f"{cell:>10}" for cell in cells) + f"  {last}\n"


if __name__ == "__main__":
    main()
