"""`avatar-worker`: the avatars of this machine, for LiveKit agents anywhere.

Jobs run in processes of their own; what is module-level here is what they import.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.config import Config, ConfigError
from agent.faces import FaceModels, Faces
from agent.host import Report
from agent.picture import picture_maker
from agent.pictures import Portraits
from engine.admission import Admission, AdmissionConfig
from engine.session import Session
from models.home import avatars_root

if TYPE_CHECKING:
    from livekit.agents import AgentServer, JobContext, JobProcess

_log = logging.getLogger(__name__)

_MODELS: Final = "models"
"""Key under which a job's process keeps what it has loaded."""


def run_worker(config: Config, ready: Callable[[int], None], report: Report) -> None:
    """Register with LiveKit and take jobs until SIGINT or SIGTERM; running ones may end first.

    Args:
        config: all settings.
        ready: called with the number of avatars this machine can hold, before the registration.
        report: told what is being done before that, and the fraction done of it.

    Raises:
        ConfigError: address or credentials are missing, or the extra `livekit` is.
    """
    asyncio.run(_run(config, ready, report))


async def _run(config: Config, ready: Callable[[int], None], report: Report) -> None:
    check(config)
    capacity = await prepare(config, report)
    server = make_server(config, capacity)
    ready(capacity)
    running = asyncio.create_task(server.run(), name="avatar worker")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        await server.drain()
        await server.aclose()
    await running


def check(config: Config) -> None:
    """Raise `ConfigError` where something is missing without which no worker can be."""
    try:
        import livekit.plugins.visavis  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "LiveKit needs the extra `livekit`\n"
            "pip install './plugins/visavis-client' './plugins/livekit-plugins-visavis' '.[livekit]'"
        ) from error
    needed = {
        "--livekit-url or LIVEKIT_URL": config.livekit.url,
        "LIVEKIT_API_KEY": config.livekit.api_key,
        "LIVEKIT_API_SECRET": config.livekit.api_secret.get_secret_value(),
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise ConfigError(f"LiveKit needs {', '.join(missing)}")


async def prepare(config: Config, report: Report) -> int:
    """Make the default avatar when it is missing, measure a frame, and return how many avatars fit here."""
    from models.portrait.create import DEFAULT_NAME

    report("Measuring this machine", 0.0)
    async with aclosing(Faces(config, FaceModels.load(config))) as faces:
        if config.avatar == DEFAULT_NAME:
            await faces.make_default(lambda stage, fraction: None)
        await faces.rehearse()
        # The second time without what compiling costs.
        cost_s = await faces.rehearse()
    report("Ready", 1.0)
    return capacity(config.admission, cost_s + config.livekit.encode_cost_ms / 1000)


def capacity(admission: AdmissionConfig, frame_cost_s: float) -> int:
    """Return how many avatars this machine can hold when each frame costs this many seconds of one core."""
    measured = Admission(admission)
    with measured.enter() as place:
        place.frame_cost_s = lambda: frame_cost_s
        return measured.capacity()


def make_server(config: Config, capacity: int) -> "AgentServer":
    """Return the worker, ready to run."""
    from streaming.livekit.worker import avatar_server

    portraits = Portraits(avatars_root(), config.picture_size, picture_maker(config.picture))
    return avatar_server(
        config.livekit,
        partial(speak, config),
        warm_up=partial(warm_up, config),
        known=lambda: [card.name for card in portraits.cards(config.avatar)],
        capacity=capacity,
    )


def warm_up(config: Config, process: "JobProcess") -> None:
    """Prepare a process for its job: import, compile and load what the default avatar needs."""
    models = process.userdata[_MODELS] = FaceModels.load(config)

    async def rehearse() -> None:
        async with aclosing(Faces(config, models)) as faces:
            await faces.rehearse()

    asyncio.run(rehearse())


async def speak(config: Config, context: "JobContext") -> None:
    """Take one job, in its process."""
    from streaming.livekit.worker import media_options, take_job

    async with aclosing(Faces(config, context.proc.userdata[_MODELS])) as faces:

        async def lend(avatar: str | None) -> Session:
            return await faces.lend(avatar or config.avatar)

        await take_job(context, lend, media_options(config.livekit.video))
