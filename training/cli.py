"""`visavis train …` and `visavis evaluate …`. What is heavy is imported inside the commands.

`agent.cli` opens the door; its `Run` comes in as `context.obj` and lends the progress bar.
"""

from pathlib import Path
from typing import Annotated

import typer

evaluate = typer.Typer(help="Measure motion and pictures against real people.", no_args_is_help=True)
train = typer.Typer(help="Make what is learned.", no_args_is_help=True)


@evaluate.command()
def motion(
    context: typer.Context,
    clips: Annotated[
        Path | None, typer.Option(help="Folder of talking videos with sound.", file_okay=False, exists=True)
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(help="What to measure, e.g. rules or diffusion:steps=4; may be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Samples of each sound.", min=1)] = 8,
    chunk_frames: Annotated[int, typer.Option(help="Frames made at once.", min=1, max=25)] = 4,
    lookahead_ms: Annotated[int, typer.Option(help="How much sound to come is known.", min=0, max=200)] = 200,
    generated: Annotated[
        bool, typer.Option("--generated/--clips-only", help="Also measure on generated speech and noise.")
    ] = True,
    sheet: Annotated[Path | None, typer.Option(help="Draw the apertures into this PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Measure motion against real people, and on generated speech, noise and silence."""
    from rich.console import Console

    from training.evaluation.drive import Pace
    from training.evaluation.run import run
    from training.evaluation.sheet import save_sheet
    from training.evaluation.systems import default_names

    names = system or default_names()
    with context.obj.progress() as progress:
        report = run(names, clips, seeds, Pace(chunk_frames, lookahead_ms), progress, generated=generated)
    if sheet is not None:
        save_sheet(sheet, report.clips, report.systems)
    if as_json:
        typer.echo(report.as_json())
    else:
        report.show(Console())


@evaluate.command()
def video(
    context: typer.Context,
    portraits: Annotated[
        Path | None, typer.Option(help="Folder of portraits to restore.", file_okay=False, exists=True)
    ] = None,
    clips: Annotated[
        Path | None, typer.Option(help="Folder of videos to re-enact.", file_okay=False, exists=True)
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="What to measure, e.g. warp; may be repeated.")
    ] = None,
    skip: Annotated[int, typer.Option(help="Leave out the first portraits, by name.", min=0)] = 0,
    count: Annotated[int | None, typer.Option(help="Measure so many portraits.", min=1)] = None,
    takes: Annotated[int, typer.Option(help="Poses that each portrait is brought back from.", min=1)] = 1,
    seeds: Annotated[int, typer.Option(help="Samples of each picture.", min=1)] = 1,
    settle: Annotated[int, typer.Option(help="Times a motion is shown before it counts.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed, other poses.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="Folder of fitted portraits.", file_okay=False)] = None,
    lpips: Annotated[Path | None, typer.Option(help="Folder of LPIPS' weights.", file_okay=False)] = None,
    sheet: Annotated[Path | None, typer.Option(help="Draw people and motions into this PNG.")] = None,
    drift: Annotated[Path | None, typer.Option(help="Run on for long, and plot it into this PNG.")] = None,
    frames: Annotated[int, typer.Option(help="How long, in frames.", min=96)] = 3000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Measure pictures against photographs and videos of real people."""
    from rich.console import Console

    from training.pictures.evaluation.restoration import Plan
    from training.pictures.evaluation.run import SYSTEMS, Wish, run

    plan = Plan(takes, seeds, settle, seed)
    names = tuple(system or SYSTEMS)
    wish = Wish(names, portraits, skip, count, clips, plan, cache, lpips, sheet, drift, frames)
    with context.obj.progress() as progress:
        report = run(wish, progress)
    if as_json:
        typer.echo(report.as_json())
    else:
        report.show(Console())


@evaluate.command()
def fetch() -> None:
    """Download the weights of LPIPS, which `visavis evaluate video` looks with."""
    from training.pictures.evaluation.lpips_weights import fetch_weights

    for path in fetch_weights():
        typer.echo(path)


@evaluate.command()
def fluent(
    context: typer.Context,
    recordings: Annotated[
        Path, typer.Argument(help="Folder of speech folders of real people.", file_okay=False, exists=True)
    ],
    system: Annotated[list[str] | None, typer.Option(help="What to measure; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(help="Samples of each sound.", min=1)] = 2,
    chunk_frames: Annotated[int, typer.Option(help="Frames made at once.", min=1, max=25)] = 4,
    lookahead_ms: Annotated[int, typer.Option(help="How much sound to come is known.", min=0, max=200)] = 200,
) -> None:
    """Hold lips against the rules that know the text, on held-out voices; JSON for each recording."""
    from training.evaluation.drive import Pace
    from training.evaluation.fluent import measure_fluent

    names = system or ("energy", "rules-sound", "diffusion", "diffusion-phones")
    with context.obj.progress() as progress:
        for clip in measure_fluent(recordings, names, seeds, Pace(chunk_frames, lookahead_ms), progress):
            typer.echo(clip.as_json())


@evaluate.command()
def endurance(
    frames: Annotated[int, typer.Option(help="How long one stream lives.", min=100)] = 1_000_000,
    block_frames: Annotated[int, typer.Option(help="Frames summed up together.", min=100)] = 100_000,
    options: Annotated[str, typer.Option(help="How it is sampled, e.g. steps=4.")] = "",
    seed: Annotated[int, typer.Option(help="Whose habits.")] = 0,
) -> None:
    """Let one stream of the learned motion live for hours; a line of JSON for each block of frames."""
    from training.evaluation.endurance import endure
    from training.evaluation.generated import heard
    from training.evaluation.learned import open_learned
    from training.evaluation.spoken import spoken_answers

    answers = [heard(answer) for answer in spoken_answers()]
    for block in endure(open_learned(options), answers, frames, block_frames, seed):
        typer.echo(block.as_json())


@evaluate.command()
def videos(
    out: Annotated[Path, typer.Argument(help="Folder for videos and sheets.", file_okay=False)],
    clips: Annotated[Path, typer.Option(help="Folder of talking videos.", file_okay=False, exists=True)],
    avatar: Annotated[list[str], typer.Option(help="Name of a portrait; may be repeated.")],
    system: Annotated[list[str] | None, typer.Option(help="What moves it; may be repeated.")] = None,
    first: Annotated[int, typer.Option(help="How many of the clips.", min=1)] = 3,
    movie: Annotated[bool, typer.Option("--movie/--sheet-only", help="Also write mp4 files.")] = True,
) -> None:
    """Draw what systems do with the sound of talking videos, side by side with the people filmed."""
    from models.avatar import load_avatar
    from models.home import avatars_root
    from training.evaluation.clips import find_clips
    from training.evaluation.drive import Pace
    from training.evaluation.systems import open_systems
    from training.evaluation.videos import Face, film, scene_of_clip

    faces = [Face.close(load_avatar(avatars_root() / name)) for name in avatar]
    systems = open_systems(system or ("diffusion", "rules"), Pace())
    for path in find_clips(clips)[:first]:
        scene = scene_of_clip(path)
        for face in faces:
            typer.echo(film(scene, face, systems, out, movie=movie))


CorpusArgument = Annotated[Path, typer.Argument(help="Folder of the corpus.", file_okay=False)]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for weights and scalars.", file_okay=False)]


@train.command("corpus")
def make_corpus(
    out: CorpusArgument,
    recordings: Annotated[
        Path | None,
        typer.Option(help="Folder of speech folders of real people.", file_okay=False, exists=True),
    ] = None,
    kokoro: Annotated[
        Path | None, typer.Option(help="Folder with Kokoro's model and voices.", file_okay=False, exists=True)
    ] = None,
    count: Annotated[int, typer.Option(help="Sentences of each synthetic source.", min=1)] = 900,
    kokoro_count: Annotated[
        int | None, typer.Option(help="Sentences of Kokoro, if not as many.", min=1)
    ] = None,
    conversations: Annotated[int, typer.Option(help="Conversations to pack.", min=1)] = 300,
    seed: Annotated[int, typer.Option(help="Another seed, other sentences and other people.")] = 0,
) -> None:
    """Collect speech, and let the teacher act it, for the motion model. Goes on where it stopped."""
    from training.corpus.collect import collect, open_sources
    from training.corpus.pack import pack

    given = {"piper": True, "kokoro": kokoro, "recordings": recordings}
    names = [name for name, there in given.items() if there]
    counts = {"piper": count, "kokoro": kokoro_count or count}
    collect(out, open_sources(names, recordings, kokoro, counts, seed))
    packed = pack(out, conversations, takes=2, seed=seed, workers=2)
    typer.echo(f"{packed}: {sum(1 for _ in packed.rglob('*.safetensors'))} conversations")


@train.command("pictures")
def pack_pictures(
    photos: Annotated[Path, typer.Argument(help="Folder of portraits.", file_okay=False, exists=True)],
    out: Annotated[Path, typer.Argument(help="Folder of the packed clips.", file_okay=False)],
    rounds: Annotated[int, typer.Option(help="Clips of each photo.", min=1)] = 8,
    held_out: Annotated[int, typer.Option(help="The last so many photos are never trained on.", min=0)] = 56,
    seed: Annotated[int, typer.Option(help="Another seed, other poses.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    photographs: Annotated[int, typer.Option(help="Single pictures of each photo, too.", min=0)] = 0,
) -> None:
    """Warp photographs away and back, for the picture model. Goes on where it stopped."""
    from training.pictures.pack import pack

    typer.echo(f"{out}: {pack(photos, out, rounds, held_out, seed, workers, photographs)} clips")


@train.command("embedded")
def train_embedded(
    clips: Annotated[Path, typer.Argument(help="Folder of `visavis train pictures`.", file_okay=False)],
    config: Annotated[Path, typer.Option(help="A run: configs/pictures/embedded.yaml.", exists=True)],
    out: OutOption = Path("out/picture"),
    start: Annotated[Path | None, typer.Option(help="Weights to begin with.", exists=True)] = None,
    threads: Annotated[int, typer.Option(help="Cores.", min=1)] = 2,
) -> None:
    """Train the picture network of two cores. A run that lies in the folder goes on where it stopped."""
    import torch

    from training.pictures.config import load_training
    from training.pictures.train import Trainer

    torch.set_num_threads(threads)
    done = Trainer(load_training(config), clips, out, start).train()
    typer.echo(f"{done.weights}: held-out people at {done.learned_db:.2f} dB, warped {done.warp_db:.2f} dB")


@train.command("quantize")
def quantize_picture(
    weights: Annotated[Path, typer.Argument(help="Weights of `visavis train embedded`.", exists=True)],
    clips: Annotated[Path, typer.Argument(help="Folder of `visavis train pictures`.", file_okay=False)],
    out: Annotated[Path, typer.Argument(help="File to write.", dir_okay=False)],
    batches: Annotated[int, typer.Option(help="Batches of two clips to watch.", min=1)] = 12,
) -> None:
    """Find the ranges of eight bits for a picture network, and write it in half precision."""
    from training.pictures.pack import TRAIN
    from training.pictures.quantise import quantise

    typer.echo(quantise(weights, clips / TRAIN, out, batches=batches))


@train.command("upscale")
def train_upscaler(
    photos: Annotated[Path, typer.Argument(help="Folder of portraits.", file_okay=False, exists=True)],
    clips: Annotated[Path, typer.Argument(help="Folder of `visavis train pictures`.", file_okay=False)],
    config: Annotated[Path, typer.Option(help="A run: configs/pictures/upscale.yaml.", exists=True)],
    weights: Annotated[Path, typer.Option(help="Of the picture network, as they ship.", exists=True)],
    out: OutOption = Path("out/upscale"),
    held_out: Annotated[int, typer.Option(help="The last so many photos are never trained on.", min=0)] = 56,
    pictures: Annotated[int, typer.Option(help="Of each photo.", min=1)] = 4,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
) -> None:
    """Train what gives the learned picture its fine structure. Packs pictures first, where it stopped."""
    import torch

    from training.pictures.upscale.pack import pack_fine
    from training.pictures.upscale.train import load_upscale, train_upscale

    run = load_upscale(config)
    fine = pack_fine(
        photos, clips, weights, held_out=held_out, pictures=pictures, seed=run.seed, workers=workers
    )
    torch.set_num_threads(workers)
    typer.echo(train_upscale(run, fine, out))


@train.command("motion")
def train_motion(
    corpus: CorpusArgument,
    config: Annotated[Path, typer.Option(help="A run, such as configs/motion/embedded.yaml.", exists=True)],
    out: OutOption = Path("out/motion"),
    steps: Annotated[int | None, typer.Option(help="Steps, instead of the run's own.", min=1)] = None,
    start: Annotated[Path | None, typer.Option(help="Weights to begin with.", exists=True)] = None,
) -> None:
    """Train the motion model. A run that lies in the folder goes on where it stopped."""
    from training.motion.config import load_training
    from training.motion.train import Trainer

    run = load_training(config)
    run = run if steps is None else run.model_copy(update={"steps": steps})
    done = Trainer(run, corpus, out, start).train()
    typer.echo(f"{done.weights}: held-out loss {done.first_loss:.3f} before, {done.last_loss:.3f} after")


@train.command("distil")
def distil_motion(
    teacher: Annotated[Path, typer.Argument(help="Weights of `visavis train motion`.", exists=True)],
    corpus: CorpusArgument,
    config: Annotated[Path, typer.Option(help="The same run as the teacher's.", exists=True)],
    out: OutOption = Path("out/student"),
) -> None:
    """Pour a trained motion model, guidance included, into one that takes a step or two."""
    from training.motion.config import load_training
    from training.motion.distil import distil

    done = distil(teacher, load_training(config), corpus, out)
    typer.echo(
        f"{done.weights}: distance from the teacher {done.first_loss:.4f} before, {done.last_loss:.4f} after"
    )


VideosArgument = Annotated[
    Path | None,
    typer.Argument(
        help="Folder of packed videos; not needed by runs on shapes.", file_okay=False, exists=True
    ),
]


@train.command("video")
def train_video(
    config: Annotated[Path, typer.Option(help="A run, such as configs/video/full-base.yaml.", exists=True)],
    videos: VideosArgument = None,
    out: OutOption = Path("out/video"),
    start: Annotated[Path | None, typer.Option(help="Weights to begin with.", exists=True)] = None,
) -> None:
    """Train the full video model, stage by stage. A run that lies in the folder goes on where it stopped."""
    from models.strict import read_settings
    from training.video.full.config import VideoTraining
    from training.video.full.train import Trainer

    done = Trainer(read_settings(VideoTraining, config), videos, out, start).train()
    typer.echo(
        f"{done.weights}: held-out loss of the last stage {done.first_loss:.4f}, then {done.last_loss:.4f}"
    )


@train.command("distil-video")
def distil_video(
    teacher: Annotated[Path, typer.Argument(help="Weights of `visavis train video`.", exists=True)],
    config: Annotated[Path, typer.Option(help="The same run as the teacher's.", exists=True)],
    videos: VideosArgument = None,
    out: OutOption = Path("out/video-student"),
) -> None:
    """Pour a trained video model, guidance included, into one that takes two steps, then one."""
    from models.strict import read_settings
    from training.video.full.config import VideoTraining
    from training.video.full.distil import distil

    for done in distil(teacher, read_settings(VideoTraining, config), videos, out):
        typer.echo(f"{done.weights}: jumps {done.first_loss:.5f} apart before, {done.last_loss:.5f} after")


@train.command("ablate-video")
def ablate_video(
    config: Annotated[Path, typer.Option(help="Such as configs/video/ablation.yaml.", exists=True)],
    videos: VideosArgument = None,
    out: OutOption = Path("out/video-ablation"),
) -> None:
    """Train with each set of controls, and draw with each overlap: tables 2 and 3 of the paper."""
    from models.strict import read_settings
    from training.video.full.ablation import Ablation, ablate

    for name, figures in ablate(read_settings(Ablation, config), videos, out):
        row = "  ".join(f"{key} {value:.3f}" for key, value in figures.as_dict().items())
        typer.echo(f"{name}: {row}")


@train.command("ship")
def ship_motion(
    weights: Annotated[Path, typer.Argument(help="Weights of `visavis train motion`.", exists=True)],
    out: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
) -> None:
    """Write trained weights as they ship: in half precision, without what only training needs."""
    from training.motion.checkpoint import ship

    typer.echo(f"{ship(weights, out)}  {out}")


@train.command("ablations")
def ablate_motion(
    context: typer.Context,
    corpus: CorpusArgument,
    config: Annotated[Path, typer.Option(help="The run that is changed.", exists=True)],
    out: OutOption = Path("out/ablations"),
    clips: Annotated[
        Path | None,
        typer.Option(help="Folder of talking videos to measure on.", file_okay=False, exists=True),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A variant; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(help="Samples of each sound.", min=1)] = 2,
) -> None:
    """Train the run over and over with one thing changed each, and measure; a line of JSON for each."""
    from training.motion.ablations import ablate, find_variants
    from training.motion.config import load_training

    run, variants = load_training(config), find_variants(only or ())
    with context.obj.progress() as progress:
        for line in ablate(run, variants, corpus, out, clips, seeds, progress):
            typer.echo(line.as_json())
