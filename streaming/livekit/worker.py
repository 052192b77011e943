"""The worker behind the plugin's `AvatarSession`: LiveKit sends it into rooms, where it speaks for agents.

Many machines may run one; LiveKit's own dispatch chooses among those that have room. Each avatar lives
in a process of its own, so that neither a crash nor Python's lock is shared.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from livekit import rtc
from livekit.agents import AgentServer, AutoSubscribe, JobContext, JobProcess, JobRequest, utils
from livekit.agents.worker import WorkerPermissions
from livekit.plugins.visavis import (
    Assignment,
    AssignmentError,
    AvatarPublisher,
    Media,
    MediaOptions,
    StreamReceiver,
)
from livekit.plugins.visavis.dispatch import PUBLISH_ON_BEHALF

from engine.session import Session
from streaming.livekit.config import LiveKitConfig, LiveKitVideo
from streaming.livekit.faces import shown_of_session

logger = logging.getLogger(__name__)

FULL: Final = 0.99
"""Load from which LiveKit sends nobody; n avatars of n are a load of 1."""

AGENT_PATIENCE_S: Final = 60.0
"""Longer than a dispatch takes."""

Lend = Callable[[str | None], Awaitable[Session]]
"""Opens a session of an avatar, None for the default one. Raises `RoomFullError` and `KeyError`."""


def media_options(video: LiveKitVideo) -> MediaOptions:
    """Return the plugin's options for our settings."""
    return MediaOptions(
        max_video_kbps=video.max_kbps,
        max_audio_kbps=video.audio_kbps,
        video_codec=video.codec,
        video_encoder=video.encoder,
        degradation=video.degradation,
        simulcast=video.simulcast,
        subscription_timeout_s=video.subscription_timeout_s,
    )


def avatar_server(
    config: LiveKitConfig,
    entry: Callable[[JobContext], Awaitable[None]],
    *,
    warm_up: Callable[[JobProcess], Any],
    known: Callable[[], Collection[str]],
    capacity: int,
) -> AgentServer:
    """Return a worker that is ready to `await server.run()`.

    Args:
        config: address, credentials, name.
        entry: takes one job; picklable, because it runs in a process of its own.
        warm_up: prepares such a process; picklable.
        known: names the avatars of this machine.
        capacity: how many avatars this machine can hold.
    """

    def load(server: AgentServer) -> float:
        return len(server.active_jobs) / capacity

    async def on_request(request: JobRequest) -> None:
        await answer(request, known())

    server = AgentServer(
        ws_url=config.url,
        api_key=config.api_key,
        api_secret=config.api_secret.get_secret_value(),
        setup_fnc=warm_up,
        load_fnc=load,
        load_threshold=FULL,
        num_idle_processes=config.idle_processes,
        initialize_process_timeout=60.0,
        permissions=WorkerPermissions(can_update_metadata=False),
        host="127.0.0.1",
        port=config.health_port,
    )
    server.rtc_session(entry, agent_name=config.worker_name, on_request=on_request)
    return server


async def answer(request: JobRequest, known: Collection[str]) -> None:
    """Accept a dispatch that is an assignment for an avatar of this machine.

    The participant that joins carries one attribute, for whom it publishes: everybody in a room can read
    attributes.
    """
    try:
        assignment = Assignment.decode(request.job.metadata)
    except AssignmentError as error:
        logger.error("a dispatch is refused: %s", error)
        await request.reject(terminate=True)
        return
    if assignment.avatar is not None and assignment.avatar not in known:
        logger.warning("no avatar %r here; another worker may have it", assignment.avatar)
        await request.reject(terminate=False)
        return
    await request.accept(
        identity=assignment.avatar_identity,
        name=assignment.avatar_name,
        attributes={PUBLISH_ON_BEHALF: assignment.agent_identity},
    )


async def take_job(context: JobContext, lend: Lend, options: MediaOptions) -> None:
    """Join the room of a job, speak for its agent until that leaves, and end the job."""
    assignment = Assignment.decode(context.job.metadata)
    async with await lend(assignment.avatar) as session:
        await context.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
        await speak_for(context.room, assignment.agent_identity, session, options)
    context.shutdown("the agent left")


async def speak_for(
    room: rtc.Room,
    agent_identity: str,
    session: Session,
    options: MediaOptions,
    patience_s: float = AGENT_PATIENCE_S,
) -> None:
    """Let a session speak for an agent in a room; returns when the agent or the connection is gone.

    An agent that does not come within `patience_s` is gone too: it may have left before the worker came.
    """
    gone = asyncio.Event()

    def on_left(participant: rtc.RemoteParticipant) -> None:
        if participant.identity == agent_identity:
            gone.set()

    def on_disconnected(*_: object) -> None:
        gone.set()

    room.on("participant_disconnected", on_left)
    room.on("disconnected", on_disconnected)
    shown = shown_of_session()
    height, width = (await anext(session)).picture.shape[:2]
    receiver = StreamReceiver(room, agent_identity)
    media = Media(room, width, height, options)
    speaking = asyncio.create_task(AvatarPublisher(session, shown, receiver, media).run())
    leaving = asyncio.create_task(_until_gone(room, agent_identity, gone, patience_s))
    try:
        await asyncio.wait([speaking, leaving], return_when=asyncio.FIRST_COMPLETED)
        if speaking.done():
            speaking.result()
    finally:
        for task in (speaking, leaving):
            task.cancel()
        await asyncio.wait([speaking, leaving])
        room.off("participant_disconnected", on_left)
        room.off("disconnected", on_disconnected)
        await receiver.aclose()
        await media.aclose()


async def _until_gone(room: rtc.Room, identity: str, gone: asyncio.Event, patience_s: float) -> None:
    try:
        await asyncio.wait_for(utils.wait_for_participant(room=room, identity=identity), patience_s)
    except TimeoutError:
        logger.warning("the agent %s is not in the room; the avatar leaves", identity)
        return
    await gone.wait()
