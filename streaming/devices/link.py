"""`DeviceLink`: a room at an MQTT 5 broker.

PREFIX/rooms/ROOM/start|say|stop   QoS 1, JSON: what devices ask
PREFIX/rooms/ROOM/answer           QoS 1, JSON: what came of it, with the command's id
PREFIX/rooms/ROOM/state            QoS 1, retained, JSON: which shows run
PREFIX/rooms/ROOM/presence         QoS 1, retained; `offline` is also the connection's will
"""

import asyncio
import json
import logging
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from streaming.devices.commands import KINDS, CommandError, id_of, read_command
from streaming.devices.config import DevicesConfig
from streaming.devices.stagehand import Stagehand

if TYPE_CHECKING:
    import aiomqtt

logger = logging.getLogger(__name__)

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
COMMANDS_MAX: Final = 32
"""Commands that may be carried out at once; `say` lasts as long as it is spoken."""


class DeviceLink:
    """Listens for devices. Call `run` once, in a task; cancel it to leave."""

    def __init__(self, config: DevicesConfig, stagehand: Stagehand) -> None:
        self._config = config
        self._stagehand = stagehand
        self._work: set[asyncio.Task[None]] = set()
        self._told: dict[str, Any] | None = None
        self.refused = 0
        """Commands that found too many others at work."""

    async def run(self) -> None:
        """Listen for ever; a line that breaks is made anew."""
        from aiomqtt import MqttError

        failures = 0
        try:
            while True:
                try:
                    async with self._connection() as client:
                        failures, self._told = 0, None
                        await self._serve(client)
                except MqttError as error:
                    logger.warning("devices: %s", error)
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
        finally:
            for task in tuple(self._work):
                task.cancel()
            if self._work:
                await asyncio.wait(self._work)
            await self._stagehand.aclose()

    async def _serve(self, client: "aiomqtt.Client") -> None:
        for kind in KINDS:
            await client.subscribe(self._config.topic(kind), qos=1)
        await client.publish(self._config.topic("presence"), b"online", qos=1, retain=True)
        telling = asyncio.create_task(self._tell(client), name="device state")
        try:
            async for message in client.messages:
                self._take(client, str(message.topic).rpartition("/")[2], message.payload)
        finally:
            telling.cancel()
            await asyncio.wait([telling])
            with suppress(Exception):
                await client.publish(self._config.topic("presence"), b"offline", qos=1, retain=True)

    def _take(self, client: "aiomqtt.Client", kind: str, payload: object) -> None:
        """Begin to carry a command out: one that lasts keeps no other waiting."""
        if len(self._work) == COMMANDS_MAX:
            self.refused += 1
            return
        body = bytes(payload) if isinstance(payload, bytes | bytearray) else b""
        task = asyncio.create_task(self._obey(client, kind, body), name=f"device {kind}")
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _obey(self, client: "aiomqtt.Client", kind: str, body: bytes) -> None:
        from aiomqtt import MqttError

        answer: dict[str, Any] = {"command": kind, "id": id_of(body)}
        try:
            answer |= {"ok": True, **await self._stagehand.obey(read_command(kind, body))}
        except CommandError as error:
            answer |= {"ok": False, "message": str(error)}
        except Exception:
            logger.exception("a device's %s failed", kind)
            answer |= {"ok": False, "message": "something broke; the room's log has details"}
        with suppress(MqttError):
            await client.publish(self._config.topic("answer"), json.dumps(answer), qos=1)
            await self._tell_state(client)

    async def _tell(self, client: "aiomqtt.Client") -> None:
        while True:
            await self._tell_state(client)
            await asyncio.sleep(self._config.state_every_s)

    async def _tell_state(self, client: "aiomqtt.Client") -> None:
        state = self._stagehand.state()
        if state != self._told:
            self._told = state
            await client.publish(self._config.topic("state"), json.dumps(state), qos=1, retain=True)

    def _connection(self) -> "aiomqtt.Client":
        import aiomqtt

        config = self._config
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username,
            password=config.password.get_secret_value() if config.password else None,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(config.topic("presence"), b"offline", qos=1, retain=True),
            tls_context=ssl.create_default_context(cafile=config.ca_file) if config.tls else None,
            keepalive=config.keepalive_s,
        )
