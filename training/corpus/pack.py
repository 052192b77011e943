"""Pack the corpus for training: `python -m training.corpus.pack OUT --conversations 360 --takes 2`.

Reads `OUT/speech`, lets the teacher (`training.teacher`) act the conversations of `training.corpus.plan`,
and writes `OUT/packed/{train,val}/<number>.safetensors`, of T frames each:

    mel       float16 [takes, 4 T, 80]  `models.audio.log_mel`; take 0 is clean, the others are augmented
    motion    float16 [T, 98]           `MotionFrame.vector`
    presence  uint8 [T]                 index in `Presence`
    phones    uint8 [4 T]               `models.motion.phones`; 0 where none is known
    style     float32 [S]               `Style.vector`

with the voices and the seed in the header. All is decided by the seed. Work goes on in `OUT/packed.partial`
where it was broken off, and takes the place of `OUT/packed` when it is complete.
"""

import argparse
import json
import logging
import shutil
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float16, Float32, UInt8
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.numpy import save_file

from models.audio import log_mel
from models.motion.frame import FPS
from models.motion.stage import Presence, SpeechChunk
from models.motion.style import Style
from training.common.processes import open_pool
from training.corpus.augment import augment
from training.corpus.conversation import Stretch, compose
from training.corpus.plan import Scene, plan_scenes, survey
from training.corpus.sound import to_float
from training.corpus.utterance import Utterance
from training.teacher.rules import RuleMotion

_log = logging.getLogger(__name__)

_PRESENCES: Final = tuple(Presence)
_SPEAKING: Final = _PRESENCES.index(Presence.SPEAKING)
_SILENCED: Final = 0.5
"""Share of augmented takes whose noise stops where nobody speaks: engines send digital silence then."""


def act(stretches: Sequence[Stretch], seed: int) -> Float16[np.ndarray, "frames 98"]:
    """Return what the teacher does in a conversation."""
    motion = RuleMotion()
    state, rows = motion.init_state(seed), []
    for stretch in stretches:
        chunk = SpeechChunk(
            stretch.pcm, stretch.presence, segment=stretch.segment, phones=stretch.phones
        )  # fmt: skip
        frames, state = motion.step(chunk, state)
        rows += [frame.vector() for frame in frames]
    return np.array(rows, np.float16)


def pack_scene(scene: Scene, takes: int) -> dict[str, np.ndarray]:
    """Return the arrays of one conversation."""
    random = np.random.default_rng(scene.seed)
    own, others = ([Utterance.load(Path(path)) for path in paths] for paths in (scene.own, scene.others))
    stretches = compose(own, others, random)
    return {
        "mel": np.stack([_mel(stretches, others, random, clean=take == 0) for take in range(takes)]),
        "motion": act(stretches, scene.seed),
        "presence": _presence(stretches),
        "phones": np.concatenate([stretch.columns() for stretch in stretches]),
        "style": Style.draw(scene.seed).vector(),
    }


def _mel(
    stretches: Sequence[Stretch], others: Sequence[Utterance], random: np.random.Generator, *, clean: bool
) -> Float16[np.ndarray, "columns 80"]:
    """Return what is heard, as it was recorded or as a microphone somewhere picks it up."""
    pcm = np.concatenate([stretch.pcm for stretch in stretches])
    if not clean:
        noisy = augment(pcm, random, _babble(others))
        pcm = _with_silence(noisy, stretches) if random.random() < _SILENCED else noisy
    return log_mel(pcm).astype(np.float16)


def _with_silence(
    pcm: Float32[np.ndarray, "samples"], stretches: Sequence[Stretch]
) -> Float32[np.ndarray, "samples"]:
    """Silence what is silent in the stretches from end to end."""
    sounding = [np.full(len(stretch.pcm), stretch.pcm.any()) for stretch in stretches]
    return pcm * np.concatenate(sounding)


def _babble(others: Sequence[Utterance]) -> Float32[np.ndarray, "samples"] | None:
    return np.concatenate([to_float(other.pcm) for other in others]) if others else None


def _presence(stretches: Sequence[Stretch]) -> UInt8[np.ndarray, "frames"]:
    return np.repeat(
        np.array([_PRESENCES.index(stretch.presence) for stretch in stretches], np.uint8),
        [stretch.frames for stretch in stretches],
    )


def _write(scene: Scene, takes: int, folder: Path) -> tuple[int, int]:
    """Pack one conversation into its file; return its frames, and how many of them are spoken."""
    arrays = pack_scene(scene, takes)
    path = folder / scene.file
    partial = path.with_suffix(".partial")
    metadata = {"voice": ",".join(scene.voices), "seed": str(scene.seed)}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, partial, metadata)
    partial.replace(path)
    return len(arrays["presence"]), int((arrays["presence"] == _SPEAKING).sum())


def pack(out: Path, conversations: int, takes: int, seed: int, workers: int) -> Path:
    """Pack what lies under `out/speech`; return the folder of the packed corpus.

    Raises:
        ValueError: There is no speech.
    """
    scenes = plan_scenes(survey(out / "speech"), conversations, seed)
    folder = _workplace(out / "packed.partial", scenes, takes)
    left = [scene for scene in scenes if not (folder / scene.file).exists()]
    columns = (
        TextColumn("packing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[hours]:.2f} h, {task.fields[share]:.0%} spoken"),
    )  # fmt: skip
    frames = spoken = 0
    with Progress(*columns) as bar, open_pool(workers) as pool:
        task = bar.add_task("", total=len(scenes), completed=len(scenes) - len(left), hours=0.0, share=0.0)
        for done in as_completed(pool.submit(_write, scene, takes, folder) for scene in left):
            frames, spoken = frames + done.result()[0], spoken + done.result()[1]
            bar.update(task, advance=1, hours=frames / FPS / 3600, share=spoken / max(1, frames))
    packed = out / "packed"
    if packed.exists():
        shutil.rmtree(packed)
    folder.rename(packed)
    _log.info("%d conversations, %.2f h made now, %.0f %% spoken", len(scenes), frames / FPS / 3600,
              100 * spoken / max(1, frames))  # fmt: skip
    return packed


def _workplace(folder: Path, scenes: Sequence[Scene], takes: int) -> Path:
    """Return the folder to work in; what lies there from another plan is thrown away."""
    described = json.dumps({"takes": takes, "scenes": [asdict(scene) for scene in scenes]}, indent=1)
    plan = folder / "plan.json"
    if folder.exists() and not (plan.exists() and plan.read_text("utf-8") == described):
        shutil.rmtree(folder)
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True, exist_ok=True)
    plan.write_text(described, "utf-8")
    return folder


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="training.corpus.pack", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the corpus")
    parser.add_argument("--conversations", type=int, default=360)
    parser.add_argument("--takes", type=int, default=2, help="a clean one, and as many augmented as are left")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO)
    pack(given.out, given.conversations, given.takes, given.seed, given.workers)


if __name__ == "__main__":
    main()
