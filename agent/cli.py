"""`visavis`: the commands. What is heavy is imported inside them, so that `--help` comes at once."""

import asyncio
import getpass
import json
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from agent.calling.cli import call
from agent.terminal import err, out, progress_bar
from models.home import avatars_root

if TYPE_CHECKING:
    from agent.config import Config

MARKS: Final = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "missing": "[red]✗[/]"}

app = typer.Typer(
    name="visavis",
    help="Give a voice a person: one portrait becomes someone who listens, answers and moves.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
avatars = typer.Typer(help="Make and look at avatars.", no_args_is_help=True)
app.add_typer(avatars, name="avatar")
app.add_typer(call, name="call")
for room in ("train", "evaluate"):
    app.add_typer(getattr(import_module("training.cli"), room), name=room)


@dataclass(slots=True)
class Run:
    """What holds for one call of the program."""

    debug: bool = False
    progress: Callable[[], AbstractContextManager[Callable[[str, float], None]]] = progress_bar
    """Lent to commands that live in other rooms."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 well, 1 something broke, 2 something asked for is not possible."""
    run = Run()
    try:
        app(args=None if arguments is None else list(arguments), obj=run)
    except Exception as error:
        if run.debug:
            raise
        sys.exit(_tell(error))


def _tell(error: Exception) -> int:
    """Explain an error without its traceback and return the exit status."""
    ours = type(error).__module__.partition(".")[0] in {"agent", "engine", "models", "streaming"}
    expected = ours or isinstance(error, (ValueError, OSError))
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    if expected:
        err.print(Text.assemble(("error ", "bold red"), first), soft_wrap=True)
    else:
        err.print(
            Text.assemble(("unexpected ", "bold red"), f"{type(error).__name__}: {first}"), soft_wrap=True
        )
        more = ["`visavis --debug …` shows where it comes from."]
    for line in more:
        err.print(Text(f"      {line}"), soft_wrap=True)
    return 2 if expected else 1


def _version(wanted: bool) -> None:
    if wanted:
        out.print(version("visavis"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that hold for every command."""
    import logging

    from rich.logging import RichHandler

    context.obj.debug = debug
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=level, format="%(name)s: %(message)s", handlers=[RichHandler(console=err)])


ConfigOption = Annotated[
    str, typer.Option("--config", help="Preset, or path of a YAML file.", metavar="NAME|FILE")
]
AvatarOption = Annotated[str | None, typer.Option("--avatar", help="Name; see `visavis avatar list`.")]


@app.command()
def serve(
    config: ConfigOption = "default",
    mind: Annotated[str | None, typer.Option(help="local, echo, openai, or an endpoint's URL.")] = None,
    avatar: AvatarOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one.", min=0, max=65535)] = None,
    livekit_url: Annotated[str | None, typer.Option(help="LiveKit server to visit too, e.g. wss://…")] = None,
    livekit_room: Annotated[str | None, typer.Option(help="Room to join there.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Record every show to an mp4 file.")] = False,
    push: Annotated[str | None, typer.Option(help="WHIP endpoint to push the show `stage` to.")] = None,
) -> None:
    """Open a room and print its link."""
    from agent.serve import serve as serve_room

    if livekit_url is not None and livekit_room is None:
        raise typer.BadParameter("--livekit-url needs --livekit-room")
    chosen = _configured(config, avatar).with_livekit(url=livekit_url, room=livekit_room)
    chosen = chosen.with_room(host=host, port=port, record=record or None, push=push)
    chosen = chosen.with_mind(mind) if mind else chosen
    with ExitStack() as until_ready:
        progress = until_ready.enter_context(progress_bar())

        def ready(link: str) -> None:
            until_ready.close()
            out.print(f"\nMeet [bold]{chosen.avatar}[/] at [bold cyan]{link}[/]\n(Ctrl-C closes the room)")
            if open_page:
                webbrowser.open(link)

        serve_room(chosen, ready, progress)


@app.command("avatar-worker")
def avatar_worker(
    livekit_url: Annotated[str | None, typer.Option(help="LiveKit server, e.g. wss://…")] = None,
    config: ConfigOption = "default",
    avatar: AvatarOption = None,
    name: Annotated[str | None, typer.Option(help="Agent name to register under.")] = None,
) -> None:
    """Lend this machine's avatars to LiveKit agents. Credentials: LIVEKIT_API_KEY, LIVEKIT_API_SECRET."""
    from agent.avatar_worker import run_worker

    chosen = _configured(config, avatar).with_livekit(url=livekit_url, worker_name=name)
    with ExitStack() as until_ready:
        progress = until_ready.enter_context(progress_bar())

        def ready(capacity: int) -> None:
            until_ready.close()
            name = chosen.livekit.worker_name
            out.print(f"{capacity} avatars at a time for agents that ask for [bold]{name}[/]")

        run_worker(chosen, ready, progress)


@app.command()
def render(
    text: Annotated[str | None, typer.Option(help="What to say.")] = None,
    audio: Annotated[
        Path | None, typer.Option(help="A recording to say instead.", exists=True, dir_okay=False)
    ] = None,
    avatar: AvatarOption = None,
    to: Annotated[Path, typer.Option("--out", help="The mp4 file to write.")] = Path("out.mp4"),
    seed: Annotated[int, typer.Option(help="Another seed, other blinks and nods.")] = 0,
    full: Annotated[
        list[Path] | None,
        typer.Option(help="Weights of the full video model, base first; may be repeated.", exists=True),
    ] = None,
    config: ConfigOption = "default",
) -> None:
    """Render text or a recording to an mp4 file."""
    from agent.render import render_audio, render_text
    from models.motion.frame import FPS

    if text is not None and audio is None:
        work = partial(render_text, text=text)
    elif audio is not None and text is None:
        work = partial(render_audio, recording=audio)
    else:
        raise typer.BadParameter("give either --text or --audio")
    chosen = _configured(config, avatar)
    with progress_bar() as progress:
        done = asyncio.run(work(chosen, out=to, seed=seed, full=full or (), progress=progress))
    out.print(f"{to}: {done.frames / FPS:.1f} s of video")


def _configured(name: str, avatar: str | None) -> "Config":
    """Return the settings, with another avatar when one is asked for and there."""
    from agent.config import load_config
    from models.avatar import load_avatar
    from models.portrait.create import DEFAULT_NAME

    config = load_config(name)
    if avatar is None:
        return config
    if avatar != DEFAULT_NAME:
        load_avatar(avatars_root() / avatar)
    return config.model_copy(update={"avatar": avatar})


@avatars.command()
def create(
    photo: Annotated[Path, typer.Argument(help="One person from the front.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="Short name: letters, digits, - and _.")],
    title: Annotated[
        str | None, typer.Option(help="Name to show; made from the short one by default.")
    ] = None,
    made_by: Annotated[
        str | None, typer.Option(help="Who makes it, for its card; by default the system's user.")
    ] = None,
) -> None:
    """Make an avatar from a photo. Its key, kept here, lets you lend it your face in calls."""
    from models.keys import keep_key
    from models.ownership import Ownership, key_hash, new_key
    from models.portrait.create import create_avatar

    secret = new_key()
    owned = Ownership(getpass.getuser() if made_by is None else made_by, key_hash(secret))
    with progress_bar() as progress:
        folder = create_avatar(photo, name, avatars_root(), title=title, ownership=owned, progress=progress)
    keep_key(name, secret)
    out.print(f"{name} lies in {folder}\nkey for calls: [bold]{secret}[/]")


@avatars.command()
def key(name: Annotated[str, typer.Argument(help="See `visavis avatar list`.")]) -> None:
    """Give an avatar a new key; the one before is worth nothing any more."""
    from models.avatar import renew_key
    from models.keys import keep_key

    secret = renew_key(avatars_root() / name)
    keep_key(name, secret)
    out.print(f"key for calls as {name}: [bold]{secret}[/]")


@avatars.command("list")
def list_all() -> None:
    """List the avatars on this machine."""
    from models.avatar import list_avatars, load_avatar

    root = avatars_root()
    names = list_avatars(root)
    if not names:
        out.print("No avatars yet; make one with: visavis avatar create PHOTO --name NAME")
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in names:
        table.add_row(name, Text(load_avatar(root / name).title, "dim"))
    out.print(table)


@avatars.command()
def show(name: Annotated[str, typer.Argument(help="See `visavis avatar list`.")]) -> None:
    """Tell where an avatar lies and how well it fits its photo."""
    from models.avatar import PREVIEW, load_avatar, read_ownership

    folder = avatars_root() / name
    avatar = load_avatar(folder)
    table = Table(box=None, show_header=False, pad_edge=False)
    owned = read_ownership(folder)
    table.add_row("title", Text(avatar.title))
    table.add_row("made by", Text(owned.made_by or "nobody said"))
    driven = (
        "by anybody" if owned.is_open else "with its key" if owned.key_sha256 else "by nobody, it has no key"
    )
    table.add_row("driven in calls", driven)
    table.add_row("folder", Text(str(folder)))
    table.add_row("preview", Text(str(folder / PREVIEW)))
    table.add_row("picture", f"{avatar.side} × {avatar.side} pixels")
    table.add_row("mean landmark error", f"{avatar.fit.error:.2%} of the face's height")
    out.print(table)


@app.command()
def tracker(
    package: Annotated[
        Path | None,
        typer.Option(help="The package's .tgz file; else npm gets it.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Get the page's face tracker (MediaPipe's web tasks), so that calls can have a camera."""
    from models.web_tracker import install_tracker

    out.print(f"the face tracker lies in {install_tracker(package)}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="picture, latency, turn_end, join, gathering or call.")],
) -> None:
    """Measure this machine. What follows the name goes to the benchmark, e.g. --json."""
    choices = _benchmarks()
    if name not in choices:
        raise typer.BadParameter(f"no benchmark {name!r}; there are: {', '.join(choices)}")
    import_module(f"benchmarks.{name}").main(context.args)


def _benchmarks() -> list[str]:
    """Return the modules of `benchmarks` that can be run, without importing any."""
    package = find_spec("benchmarks")
    folders = package.submodule_search_locations if package else None
    files = [path for folder in folders or () for path in Path(folder).glob("*.py")]
    return sorted(path.stem for path in files if "\ndef main(" in path.read_text("utf-8"))


@app.command()
def doctor(
    config: ConfigOption = "default",
    only: Annotated[str | None, typer.Option(help="Look at one area, e.g. libraries.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Say what is here, what is missing, and how to get it. Exit status 1 when something essential is."""
    from agent.config import load_config
    from agent.doctor import examine

    findings = list(examine(load_config(config), only))
    if as_json:
        typer.echo(json.dumps([{"area": area} | asdict(finding) for area, finding in findings]))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for _, finding in findings:
            detail = Text(finding.detail)
            if finding.remedy:
                detail.append(f"\n→ {finding.remedy}", "cyan")
            table.add_row(MARKS[finding.status], finding.name, detail)
        out.print(table)
    if any(finding.status == "missing" for _, finding in findings):
        raise typer.Exit(1)
