"""`visavis call`: commands. What is heavy is imported inside them."""

import asyncio
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from agent.terminal import out, progress_bar

if TYPE_CHECKING:
    from agent.calling.send import Sent
    from agent.config import Config

call = typer.Typer(help="Call somebody: motion and voice are sent, pictures are drawn.", no_args_is_help=True)

Via = Annotated[str, typer.Option(help="http://HOST:PORT/?call=NAME, or mqtts://BROKER/CALL?peer=NAME.")]
Name = Annotated[str | None, typer.Option(help="Yours, for the others; by default the system's.")]


@call.command()
def send(
    via: Via,
    avatar: Annotated[str, typer.Option(help="Whose face the others see; see `visavis avatar list`.")],
    camera: Annotated[int | None, typer.Option(help="Number of a camera.", min=0)] = None,
    video: Annotated[
        Path | None, typer.Option(help="A video file instead.", exists=True, dir_okay=False)
    ] = None,
    name: Name = None,
    key: Annotated[str | None, typer.Option(help="The avatar's key, if it is not kept here.")] = None,
) -> None:
    """Track a camera or a video, and send how the face moves, and the voice."""
    if (camera is None) == (video is None):
        raise typer.BadParameter("give either --camera or --video")
    sent = asyncio.run(_send(via, avatar, camera, video, name or getpass.getuser(), key))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("sent", f"{sent.seconds:.1f} s")
    table.add_row("pictures", f"{sent.pictures}, a face in {sent.tracked}, {sent.skipped} skipped")
    kbps = 0.008 * sent.motion_bytes / max(sent.seconds, 1e-3)
    table.add_row("motion", f"{sent.packets} packets, {kbps:.2f} kbit/s without headers")
    out.print(table)


async def _send(
    via: str, avatar: str, camera: int | None, video: Path | None, name: str, key: str | None
) -> "Sent":
    from agent.calling.line import open_end
    from agent.calling.send import send
    from agent.calling.source import in_time, read_camera, read_file
    from models.tracking.tracker import FaceTracker

    moments = read_file(video) if video is not None else read_camera(camera or 0, sys.platform)
    card, held_key = await asyncio.to_thread(_own_card, avatar, name, via, key)
    end = await open_end(via, name=name, avatar=avatar, key=held_key)
    try:
        await end.introduce(card)
        with progress_bar() as progress, FaceTracker() as tracker:
            return await send(
                in_time(moments, is_live=video is None),
                tracker,
                end,
                report=lambda sent: progress(
                    "Learning your face" if sent.calibrated < 1 else "Sending", sent.calibrated
                ),
            )
    finally:
        await end.aclose()


def _own_card(avatar: str, name: str, via: str, key: str | None):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return the card of one's avatar, and its key. Raises `NotYoursError` where no room asks for it."""
    from models.avatar import POSTER, load_avatar, read_ownership
    from models.home import avatars_root
    from models.keys import key_of
    from streaming.calls.calls import NotYoursError
    from streaming.calls.end import CallCard

    folder, held = avatars_root() / avatar, key or key_of(avatar)
    if via.startswith("http"):
        # The room has the avatar, and asks for the key itself.
        return CallCard(name, avatar, "", b""), held
    owned = read_ownership(folder)
    if not owned.lets(held):
        raise NotYoursError(
            f"{avatar} has a key, and only who has it may lend this face their movement: --key"
        )
    title = load_avatar(folder).title
    return CallCard(name, title, owned.made_by, (folder / POSTER).read_bytes()), held


@call.command()
def join(
    via: Via,
    to: Annotated[Path | None, typer.Option("--out", help="The mp4 file to write.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Open a room instead, and print its link.")] = False,
    seconds: Annotated[float, typer.Option(help="Longest recording.", min=1.0)] = 3600.0,
    name: Name = None,
    config: Annotated[
        str, typer.Option(help="Preset, or path of a YAML file.", metavar="NAME|FILE")
    ] = "default",
) -> None:
    """Draw who calls: into an mp4 file, or on the page of a room of this machine."""
    from agent.config import load_config

    if (to is None) == (not page):
        raise typer.BadParameter("give either --out or --page")
    if page and via.startswith("http"):
        raise typer.BadParameter("the room has a page of its own: open the link in a browser")
    chosen, called = load_config(config), name or getpass.getuser()
    if to is None:
        from agent.calling.page import serve_call

        serve_call(chosen, via, called, lambda link: out.print(f"\nThe call is at [bold cyan]{link}[/]"))
        return
    asyncio.run(_join(via, called, chosen, to, seconds))


async def _join(via: str, name: str, config: "Config", to: Path, seconds: float) -> None:
    from agent.calling.join import join_to_file
    from agent.calling.line import open_end

    end = await open_end(via, name=name)
    try:
        with progress_bar() as progress:
            done = await join_to_file(end, config, to, seconds=seconds, report=progress)
    finally:
        await end.aclose()
    out.print(f"{to}: {done.length_s:.1f} s of video" if done is not None else "Nobody came.")
