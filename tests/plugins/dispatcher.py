"""The part of a LiveKit server that registers workers and asks them to take jobs."""

import asyncio
from contextlib import asynccontextmanager

from livekit.protocol import agent, models
from websockets.asyncio.server import serve

from tests.streaming.rooms import until


class Dispatcher:
    """Speaks `livekit_agent.proto` with one worker."""

    def __init__(self):
        self.registered = None
        self.status = []
        self.answers = {}
        self._connection = None

    async def meet(self, connection):
        self._connection = connection
        async for data in connection:
            message = agent.WorkerMessage.FromString(data)
            kind = message.WhichOneof("message")
            if kind == "register":
                self.registered = message.register
                welcome = agent.ServerMessage()
                welcome.register.worker_id = "W_1"
                await connection.send(welcome.SerializeToString())
            elif kind == "update_worker":
                self.status.append(message.update_worker)
            elif kind == "availability":
                self.answers[message.availability.job_id] = message.availability

    async def offer(self, job_id, metadata):
        """Ask whether the worker takes a job; returns its answer."""
        request = agent.ServerMessage()
        request.availability.job.CopyFrom(
            agent.Job(
                id=job_id, room=models.Room(name="room"), metadata=metadata, agent_name="visavis-avatar"
            )
        )
        await self._connection.send(request.SerializeToString())
        await until(lambda: job_id in self.answers)
        return self.answers[job_id]


@asynccontextmanager
async def dispatching():
    """Serve; yields the dispatcher and the address of its server."""
    dispatcher = Dispatcher()
    async with serve(dispatcher.meet, "127.0.0.1", 0) as server:
        yield dispatcher, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def registered(server, dispatcher):
    """Run a worker until the block ends."""
    running = asyncio.create_task(server.run())
    await until(lambda: dispatcher.registered or running.done())
    try:
        yield
    finally:
        await server.aclose()
        await asyncio.wait([running], timeout=10)
