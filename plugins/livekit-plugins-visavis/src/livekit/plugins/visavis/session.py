"""`AvatarSession`: gives an agent a face, by a worker of its own or in the agent's own connection."""

import asyncio
from typing import Any, Final

from livekit import api, rtc
from livekit.agents import AgentSession, get_job_context
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.agents.voice.io import AudioOutput
from livekit.plugins.visavis.dispatch import WORKER_NAME, Assignment
from livekit.plugins.visavis.local import LocalAudioOutput
from livekit.plugins.visavis.log import logger
from livekit.plugins.visavis.media import SOUND_RATE_HZ, Media, MediaOptions
from livekit.plugins.visavis.publisher import AvatarPublisher, Shown
from visavis_client import Avatar, AvatarError, Frame

AVATAR_IDENTITY: Final = "visavis-avatar"
CLEAR_TIMEOUT_S: Final = 2.0
"""After this the agent goes on without an answer to its clear; a worker that is there answers at once."""


class AvatarSession(BaseAvatarSession[str]):
    """An avatar for one agent session. Start it before the agent session starts.

    Remote, the default: LiveKit itself dispatches a worker (`visavis avatar-worker`) into the room. It joins
    as a participant and publishes on behalf of the agent. The agent's credentials make the dispatch, the
    worker has its own, and nothing secret travels.

    Local, with `local=` the address of a running visavis: the agent's own participant publishes the avatar,
    and there is no second one.

    Args:
        avatar: its name where it lives; None takes the default one.
        local: address of a visavis, as `visavis serve` prints it, token included.
        worker: agent name under which the workers are registered.
        avatar_identity: identity under which the worker joins.
        avatar_name: name that people see; the identity when left out.
        media: how a local avatar is encoded; a worker has settings of its own.
        lkapi: makes the dispatch, where there is no job whose API would.
    """

    def __init__(
        self,
        avatar: str | None = None,
        *,
        local: str | None = None,
        worker: str = WORKER_NAME,
        avatar_identity: str = AVATAR_IDENTITY,
        avatar_name: str | None = None,
        media: MediaOptions | None = None,
        lkapi: api.LiveKitAPI | None = None,
    ) -> None:
        super().__init__()
        self._avatar, self._local, self._worker = avatar, local, worker
        self._identity, self._name = avatar_identity, avatar_name or avatar_identity
        self._options, self._lkapi = media or MediaOptions(), lkapi
        self._speaking: asyncio.Task[None] | None = None
        self._closers: list[Any] = []

    @property
    def avatar_identity(self) -> str:
        """The participant that publishes the avatar; the agent's own where the avatar is local."""
        if self._local is not None and self._room is not None:
            return self._room.local_participant.identity
        return self._identity

    @property
    def provider(self) -> str:
        """The name in LiveKit's metrics."""
        return "visavis"

    async def start(self, agent_session: AgentSession[Any], room: rtc.Room) -> None:
        """Bring the avatar into the room, and let the agent's speech go to it.

        Raises:
            visavis_client.AvatarError: a local visavis is not there, or lends no avatar.
            livekit.api.TwirpError: LiveKit refuses the dispatch.
        """
        await super().start(agent_session, room)
        if self._local is not None:
            output: AudioOutput = await self._speak_here(self._local, room)
        else:
            await self._dispatch(room)
            output = DataStreamAudioOutput(
                room,
                destination_identity=self._identity,
                sample_rate=SOUND_RATE_HZ,
                wait_remote_track=rtc.TrackKind.KIND_VIDEO,
                clear_buffer_timeout=CLEAR_TIMEOUT_S,
                wait_playback_start=True,
            )
        agent_session.output.replace_audio_tail(output)

    async def aclose(self) -> None:
        """Take the avatar out of the room. Safe to call twice."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.wait([self._speaking])
            self._speaking = None
        while self._closers:
            await self._closers.pop().aclose()
        if self._local is not None and self._room is not None:
            # The base class would remove the avatar's participant, which is the agent's own.
            self._room.off("connection_state_changed", self._on_connection_state_changed)
            self._room = None
        await super().aclose()

    async def _dispatch(self, room: rtc.Room) -> None:
        job = get_job_context(required=False)
        agent_identity = job.local_participant_identity if job else room.local_participant.identity
        assignment = Assignment(agent_identity, self._identity, self._name, self._avatar)
        request = api.CreateAgentDispatchRequest(
            agent_name=self._worker, room=job.room.name if job else room.name, metadata=assignment.encode()
        )
        lkapi = self._lkapi or (job.api if job else None)
        if lkapi is not None:
            await lkapi.agent_dispatch.create_dispatch(request)
            return
        async with api.LiveKitAPI() as own:
            await own.agent_dispatch.create_dispatch(request)

    async def _speak_here(self, url: str, room: rtc.Room) -> LocalAudioOutput:
        face = await Avatar.open(url, avatar=self._avatar, picture="i420")
        media = Media(room, face.width, face.height, self._options)
        output = LocalAudioOutput(sample_rate=SOUND_RATE_HZ, wait_playback_start=True)
        self._closers = [face, media]
        publisher = AvatarPublisher(face, shown_of_client, output, media)
        self._speaking = asyncio.create_task(self._run(publisher, output), name="avatar publisher")
        return output

    async def _run(self, publisher: AvatarPublisher, output: LocalAudioOutput) -> None:
        """Speak; when visavis is lost, end what is said from then on, so that the agent does not wait."""
        try:
            await publisher.run()
        except AvatarError:
            logger.exception("the avatar is lost")
            async for _ in output:
                while output.owed:
                    output.notify_playback_finished(playback_position=0.0, interrupted=True)


def shown_of_client(frame: Frame) -> Shown:
    """Return a frame of the avatar socket as it is published. Its pictures are I420."""
    if frame.picture is None:
        return Shown(None, frame.pcm)
    video = rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.I420, frame.picture)
    return Shown(video, frame.pcm)
