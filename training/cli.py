"""`visavis train …` and `visavis evaluate …`. What is heavy is imported inside the commands.

`agent.cli` opens the door; its `Run` comes in as `context.obj` and lends the progress bar.
"""

from pathlib import Path
from typing import Annotated

import typer

evaluate = typer.Typer(help="Measure what moves the avatar.", no_args_is_help=True)
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
