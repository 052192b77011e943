"""Collect the speech of the corpus: `python -m training.corpus.collect OUT --sources piper,recordings`.

Each source writes `OUT/speech/<source>/<number>.npz`. What is there already is not made again, so a run that
was broken off goes on where it stopped. Sources may run in processes of their own at the same time.
"""

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.motion.stage import SPEECH_RATE_HZ
from training.corpus.kokoro import KokoroSource
from training.corpus.piper import PiperSource
from training.corpus.recordings import RecordingsSource
from training.corpus.utterance import Utterance

_log = logging.getLogger(__name__)

SOURCES: Final = ("piper", "kokoro", "recordings")


class Source(Protocol):
    """A numbered list of utterances, each made when asked for."""

    name: str
    """Folder of its utterances."""

    def __len__(self) -> int: ...

    def make(self, number: int) -> Utterance | None:
        """Make one utterance, the same however many were made before; None where it is unusable."""
        ...


def collect(out: Path, sources: Sequence[Source]) -> Mapping[str, int]:
    """Make what is missing under `out/speech/`; return how many of each source proved unusable."""
    made = TextColumn("{task.fields[minutes]:.1f} min, {task.fields[dropped]} dropped")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        made,
    )
    with Progress(*columns) as bar:
        return {source.name: _collect_one(out, source, bar) for source in sources}


def _collect_one(out: Path, source: Source, bar: Progress) -> int:
    task = bar.add_task(source.name, total=len(source), minutes=0.0, dropped=0)
    samples, dropped = 0, 0
    for number in range(len(source)):
        path = out / "speech" / source.name / f"{number:05d}.npz"
        if not path.exists():
            if utterance := source.make(number):
                utterance.save(path)
                samples += len(utterance.pcm)
            else:
                dropped += 1
        bar.update(task, advance=1, minutes=samples / SPEECH_RATE_HZ / 60, dropped=dropped)
    _log.info("%s: %.1f min made, %d dropped", source.name, samples / SPEECH_RATE_HZ / 60, dropped)
    return dropped


def open_sources(
    names: Sequence[str],
    recordings: Path | None,
    kokoro: Path | None,
    counts: Mapping[str, int],
    seed: int,
) -> list[Source]:
    """Load the sources named, so many sentences of each synthetic one as `counts` says.

    Raises:
        ValueError: A name that is none of `SOURCES`, or a folder is missing that a source needs.
    """
    makers: dict[str, Callable[[], Source]] = {
        "piper": lambda: PiperSource(seed, counts["piper"]),
        "kokoro": lambda: KokoroSource(_needed(kokoro, "kokoro"), seed + 1, counts["kokoro"]),
        "recordings": lambda: RecordingsSource(_needed(recordings, "recordings")),
    }
    if unknown := set(names) - set(makers):
        raise ValueError(f"no source {', '.join(sorted(unknown))}; there are: {', '.join(SOURCES)}")
    return [makers[name]() for name in names]


def _needed(folder: Path | None, name: str) -> Path:
    if folder is None or not folder.is_dir():
        raise ValueError(f"the source {name} needs --{name} with a folder that exists, not {folder}")
    return folder


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="training.corpus.collect", description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the corpus")
    parser.add_argument("--recordings", type=Path, help="folder of speech folders")
    parser.add_argument("--kokoro", type=Path, help="folder with Kokoro's model and voices")
    parser.add_argument("--sources", default=",".join(SOURCES), help="comma-separated")
    parser.add_argument("--count", type=int, default=900, help="sentences of each synthetic source")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    names = given.sources.split(",")
    counts = dict.fromkeys(SOURCES, given.count)
    collect(given.out, open_sources(names, given.recordings, given.kokoro, counts, given.seed))


if __name__ == "__main__":
    main()
