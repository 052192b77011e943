"""A LiveKit agent with a face: `python examples/livekit_agent.py dev`, beside `visavis avatar-worker`.

Both find the server in LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET. The agent hums what it is written;
give the session your own STT, LLM and TTS in the place of that. With `VISAVIS_URL`, the address that `visavis
serve` prints, the agent shows the avatar itself and needs no worker.
"""

import os
from collections.abc import AsyncIterator

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.room_io import RoomOptions, TextInputEvent, TextInputOptions
from livekit.plugins import visavis

RATE_HZ = 24_000
server = AgentServer()


async def hum(text: str) -> AsyncIterator[rtc.AudioFrame]:
    """Stand for a voice: a quarter of a second a word."""
    for _ in text.split():
        time_s = np.arange(RATE_HZ // 4) / RATE_HZ
        pcm = 6000 * np.sin(2 * np.pi * 220 * time_s) * np.sin(4 * np.pi * time_s) ** 2
        yield rtc.AudioFrame(pcm.astype(np.int16).tobytes(), RATE_HZ, 1, len(pcm))


async def answer(session: AgentSession, event: TextInputEvent) -> SpeechHandle:
    """Stand for a mind: say what was written."""
    text = f"You said: {event.text}"
    await session.interrupt()
    return session.say(text, audio=hum(text))


async def with_a_face(session: AgentSession, avatar: visavis.AvatarSession, room: rtc.Room) -> None:
    """Let the session speak through the avatar."""
    await avatar.start(session, room=room)
    written = TextInputOptions(text_input_cb=answer)
    await session.start(Agent(instructions=""), room=room, room_options=RoomOptions(text_input=written))


@server.rtc_session()
async def entrypoint(context: JobContext) -> None:
    """Take one room."""
    await context.connect()
    avatar = visavis.AvatarSession(local=os.environ.get("VISAVIS_URL"))
    await with_a_face(AgentSession(), avatar, context.room)


if __name__ == "__main__":
    cli.run_app(server)
