"""Count the chances packets start from: `python -m streaming.motion.fit --tracked FILE --made FILE`.

`visavis bench call --keep FILE` makes the files, with `--clips` and with `--speech`. Each of their arrays is
motion, `frames 98`, 25 a second; every second one is used. It is coded with every quality of a band, and how
often each context's bit was 0 becomes its chance. The result replaces `page/motion-tables.js`.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from models.motion.frame import MOTION_SIZE
from streaming.motion.channels import QUALITIES, to_units
from streaming.motion.packet import ECHO_SPACING, echo_quality
from streaming.motion.quantise import ROUND_FIRST, ROUND_LATER, quantise
from streaming.motion.residuals import CONTEXTS, code_residuals
from streaming.motion.tables import BANDS, PREFIX, TABLES, band_of

PACKET: Final = 4
"""Frames of a packet, and echoes."""
DOUBT: Final = 0.4
"""Bits of each kind that count as seen before the first."""
LIKELIEST: Final = 252
"""In 1/256: nothing is so certain that a bit against it costs more than 6 bits."""
LINE: Final = 96
HEADING: Final = (
    "// Chances of 0 that packets of motion start from, in 1/256: hexadecimal, for each band of quality."
)


class Counter:
    """`BitCoder` that counts how often each context's bit is 0 and 1."""

    def __init__(self) -> None:
        self.seen = np.zeros((CONTEXTS, 2))

    def bit(self, chances: list[int], index: int, bit: int) -> int:
        """Count one bit."""
        self.seen[index, bit] += 1
        return bit

    def plain(self, bit: int) -> int:
        """Count nothing: such a bit has no context."""
        return bit


def count(motions: Iterable[np.ndarray], qualities: Iterable[int]) -> Counter:
    """Code motion as a sender would, in packets of `PACKET` frames and as many echoes."""
    counter = Counter()
    chosen = list(qualities)
    for motion in motions:
        rows = [tuple(row) for row in to_units(motion).tolist()]
        for quality in chosen:
            for start in range(0, len(rows) - PACKET + 1, PACKET):
                frames, rebuilt = quantise(
                    rows[start : start + PACKET], [0] * MOTION_SIZE, quality, ROUND_FIRST
                )
                past = [rows[at] for i in range(PACKET) if (at := start - ECHO_SPACING * (i + 1)) >= 0]
                echoes, _ = quantise(past, rebuilt[0], echo_quality(quality), ROUND_LATER)
                code_residuals(counter, [], (frames[:1], frames[1:], echoes))
    return counter


def chances(counter: Counter) -> bytes:
    """Return the chance of 0 in 1/256 for each context."""
    seen = counter.seen + DOUBT
    return bytes(np.clip(256 * seen[:, 0] / seen.sum(1), 256 - LIKELIEST, LIKELIEST).astype(np.uint8))


def bands(motions: list[np.ndarray]) -> list[list[str]]:
    """Return the chances of each band in hexadecimal, in lines."""
    texts = []
    for band in range(len(BANDS) + 1):
        qualities = [quality for quality in range(QUALITIES) if band_of(quality) == band]
        text = chances(count(motions, qualities)).hex()
        texts.append([text[at : at + LINE] for at in range(0, len(text), LINE)])
    return texts


def main(argv: list[str] | None = None) -> None:
    """Fit, and write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m streaming.motion.fit", description=__doc__.partition("\n")[0]
    )
    for name in TABLES:
        parser.add_argument(f"--{name}", type=Path, required=True, help=".npz file of arrays `frames 98`")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "page" / "motion-tables.js")
    arguments = parser.parse_args(argv)
    tables = {name: bands(_half(getattr(arguments, name))) for name in TABLES}
    arguments.out.write_text(f"{HEADING}\n{PREFIX}{json.dumps(tables, indent=0)};\n", "utf-8")


def _half(path: Path) -> list[np.ndarray]:
    """Return every second array by name; the others stay unseen."""
    with np.load(path) as data:
        return [data[name] for name in sorted(data.files)[::2]]


if __name__ == "__main__":
    main()
