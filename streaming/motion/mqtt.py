"""`MqttCarrier`: a call through an MQTT 5 broker.

    PREFIX/CALL/NAME/motion     QoS 0: what is late is of no use
    PREFIX/CALL/NAME/voice      QoS 0, likewise
    PREFIX/CALL/NAME/card       QoS 1, retained: who this is, for who comes later
    PREFIX/CALL/NAME/portrait   QoS 1, retained
    PREFIX/CALL/NAME/control    QoS 1
    PREFIX/CALL/NAME/presence   QoS 1, retained; `offline` is also the connection's will

With a secret everything but presence is sealed (`streaming.motion.seal`). A line that breaks is made anew,
and what may have been missed meanwhile is told again (`streaming.motion.retold`).
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self, get_args

from streaming.motion.carrier import CarrierClosedError, Message, MessageKind
from streaming.motion.inbox import Inbox, Waiting
from streaming.motion.mqtt_config import MqttConfig
from streaming.motion.packet import PACKET_MAX_BYTES
from streaming.motion.retold import Heard, Told
from streaming.motion.seal import OVERHEAD_BYTES, Opener, Sealer, SealError

if TYPE_CHECKING:
    import aiomqtt
    from paho.mqtt.properties import Properties

logger = logging.getLogger(__name__)

OUT_MAX: Final = 32
"""Packets that may wait to be sent: five seconds of them; older ones would come too late for any player."""
MESSAGE_MAX_BYTES: Final = 8 << 20
"""No portrait is larger."""
KEPT: Final = ("card", "portrait", "presence")
MOTION: Final = "motion"
VOICE: Final = "voice"
ALIASES: Final = {MOTION: 1, VOICE: 2}
"""Numbers that stand for topics after the first packet."""
QUEUED_MAX: Final = 256
"""Messages that may wait between connection and inbox, which is emptied at once."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before a broken line is tried again; the last one stays."""
GOODBYE_S: Final = 1.0
"""How long leaving may take."""


class MqttCarrier:
    """One end of a call; see `MotionCarrier`. Made by `join`."""

    def __init__(self, config: MqttConfig) -> None:
        secret = config.secret_bytes()
        self._config = config
        self._sealer = Sealer(secret, config.call, config.name) if secret else None
        self._opener = Opener(secret, config.call, config.peer) if secret else None
        self._inbox = Inbox()
        self._outgoing: Waiting[tuple[str, bytes]] = Waiting(OUT_MAX)
        self._told, self._heard = Told(), Heard()
        self._came = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._up: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._down: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._over = self._closed = False
        self.refused = self.reconnects = 0

    @classmethod
    async def join(cls, config: MqttConfig) -> Self:
        """Connect to the broker, and say that this end is there. Raises `CarrierClosedError`."""
        carrier = cls(config)
        carrier._task = asyncio.create_task(carrier._run(), name=f"mqtt call {config.call}")
        try:
            await carrier._client()
        except CarrierClosedError:
            await carrier.aclose()
            raise
        return carrier

    def push(self, packet: bytes) -> None:
        """Send a packet of motion; while the line is broken the latest wait."""
        self._push(MOTION, packet)

    def push_voice(self, packet: bytes) -> None:
        """Send a packet of sound; while the line is broken the latest wait."""
        self._push(VOICE, packet)

    def _push(self, kind: str, packet: bytes) -> None:
        if self._over or self._closed:
            raise CarrierClosedError("this end of the call is closed")
        self._idle.clear()
        self._outgoing.put((kind, packet))

    async def flush(self) -> None:
        """Return when all that was pushed is on its way. Raises `CarrierClosedError` if not soon."""
        try:
            async with asyncio.timeout(self._config.timeout_s):
                await self._idle.wait()
        except TimeoutError:
            told = f"{len(self._outgoing)} packets wait, and the line to {self._config.host} is broken"
            raise CarrierClosedError(told) from None

    async def tell(self, message: Message) -> None:
        """Send a message; returns when the broker has it. Who comes only then hears it, too."""
        from aiomqtt import MqttError

        mark = None if message.kind == "presence" else self._told.note(message, _now_s())
        while True:
            client, down = await self._client(), self._down
            telling = asyncio.create_task(self._publish(client, message, mark))
            try:
                await asyncio.wait({telling, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                telling.cancel()
            if down.done():
                continue
            try:
                return await telling
            except MqttError as error:
                raise CarrierClosedError(f"the broker did not take the {message.kind}: {error}") from error

    async def end(self) -> None:
        """Flush, and say that this end is gone."""
        if self._over or self._closed:
            return
        await self.flush()
        self._over = True
        await self.tell(Message("presence", b"offline"))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inbox.packets.read()

    def voices(self) -> AsyncIterator[bytes]:
        """Yield the other end's packets of sound."""
        return self._inbox.voices.read()

    def messages(self) -> AsyncIterator[Message]:
        """Yield the other end's messages."""
        return self._inbox.messages.read()

    def stats(self) -> dict[str, float]:
        """Return what waits, what was dropped or refused, and how often the line broke."""
        return {
            "carrier_out_packets": len(self._outgoing),
            "carrier_out_dropped_packets": self._outgoing.dropped,
            "carrier_refused": self.refused,
            "carrier_reconnects": self.reconnects,
            **self._inbox.stats(),
        }

    async def aclose(self) -> None:
        """Leave; the broker is told if it still listens."""
        if self._closed:
            return
        if not self._over and self._up.done() and not self._up.cancelled() and self._up.exception() is None:
            with suppress(CarrierClosedError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self.tell(Message("presence", b"offline"))
        self._closed = True
        self._inbox.close()
        self._idle.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _client(self) -> "aiomqtt.Client":
        """Return the connection once it is there."""
        if self._closed:
            raise CarrierClosedError("this end of the call is closed")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await asyncio.shield(self._up)
        except TimeoutError:
            raise CarrierClosedError(f"no connection to the broker at {self._config.host}") from None

    async def _run(self) -> None:
        """Hold the connection, and take it up again when it breaks."""
        from aiomqtt import MqttError
        from aiomqtt.exceptions import MqttConnectError

        failures = 0
        while True:
            try:
                async with self._connection() as client:
                    failures = 0
                    await self._serve(client)
            except MqttConnectError as error:
                # The broker answered, and does not want us: trying again changes nothing.
                self._fail(f"the broker at {self._config.host} refused: {error}")
                return
            except MqttError as error:
                logger.warning("call %s: %s", self._config.call, error)
            self._lose()
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    async def _serve(self, client: "aiomqtt.Client") -> None:
        """Use a connection until it breaks. Raises `aiomqtt.MqttError`."""
        from aiomqtt import MqttError

        await client.subscribe(self._config.topic(self._config.peer, "+"), qos=1)
        for mark, kept in self._told.kept():
            await self._publish(client, kept, mark)
        await self._publish(client, Message("presence", b"online"))
        if not self._up.done():
            self._up.set_result(client)
        tasks = [
            asyncio.create_task(work(client), name=f"mqtt {name} {self._config.call}")
            for name, work in (("motion", self._send), ("messages", self._tell_again))
        ]
        try:
            async for message in client.messages:
                self._take(
                    str(message.topic).rpartition("/")[2], message.payload, _mark_of(message.properties)
                )
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, MqttError):
                    await task

    async def _send(self, client: "aiomqtt.Client") -> None:
        """Give motion and sound to the connection; after the first packet two bytes stand for the topic."""
        topics = {kind: self._config.topic(self._config.name, kind) for kind in ALIASES}
        while _is_wanted() and (waiting := await self._outgoing.get()) is not None:
            kind, packet = waiting
            await client.publish(topics[kind], self._sealed(kind, packet), properties=_alias(ALIASES[kind]))
            topics[kind] = ""
            if not len(self._outgoing):
                self._idle.set()

    async def _tell_again(self, client: "aiomqtt.Client") -> None:
        """Whenever the other end has come, tell it what it may have missed."""
        while _is_wanted():
            await self._came.wait()
            self._came.clear()
            for mark, message in self._told.recent(_now_s()):
                await self._publish(client, message, mark)

    async def _publish(self, client: "aiomqtt.Client", message: Message, mark: bytes | None = None) -> None:
        properties = None if mark is None else _marked(mark, self._config.kept_s)
        topic = self._config.topic(self._config.name, message.kind)
        body = self._sealed(message.kind, message.body)
        await client.publish(topic, body, qos=1, retain=message.kind in KEPT, properties=properties)

    def _take(self, kind: str, payload: object, mark: bytes | None) -> None:
        """Take what the broker brought; what is not for this call is refused and counted."""
        most = PACKET_MAX_BYTES + OVERHEAD_BYTES if kind in ALIASES else MESSAGE_MAX_BYTES
        if not isinstance(payload, bytes | bytearray) or not 0 < len(payload) <= most:
            self.refused += 1
            return
        payload = bytes(payload)
        try:
            body = payload if self._opener is None or kind == "presence" else self._opener.open(kind, payload)
        except SealError as error:
            logger.debug("call %s: %s: %s", self._config.call, kind, error)
            self.refused += 1
            return
        if kind == MOTION:
            self._inbox.packets.put(body)
        elif kind == VOICE:
            self._inbox.voices.put(body)
        elif kind in get_args(MessageKind):
            self._take_message(Message(kind, body), mark)  # type: ignore[arg-type]
        else:
            self.refused += 1

    def _take_message(self, message: Message, mark: bytes | None) -> None:
        if message == Message("presence", b"online"):
            self._came.set()
        if self._heard.is_new(mark):
            self._inbox.hear(message)

    def _sealed(self, kind: str, body: bytes) -> bytes:
        return body if self._sealer is None or kind == "presence" else self._sealer.seal(kind, body)

    def _connection(self) -> "aiomqtt.Client":
        import aiomqtt

        config = self._config
        password = config.password.get_secret_value() if config.password else None
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(config.topic(config.name, "presence"), b"offline", qos=1, retain=True),
            tls_context=ssl.create_default_context(cafile=config.ca_file) if config.tls else None,
            keepalive=config.keepalive_s,
            timeout=config.timeout_s,
            max_queued_incoming_messages=QUEUED_MAX,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def _lose(self) -> None:
        """Let who wants the line wait for the next one."""
        if not len(self._outgoing):
            self._idle.set()
        if self._up.done():
            self.reconnects += 1
            self._up = asyncio.get_running_loop().create_future()
        self._down.set_result(None)
        self._down = asyncio.get_running_loop().create_future()

    def _fail(self, told: str) -> None:
        """Give up: nothing more comes and nothing more goes."""
        self._lose()
        self._up.set_exception(CarrierClosedError(told))
        self._up.exception()
        self._idle.set()
        self._inbox.close()


def _alias(number: int) -> "Properties":
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)
    properties.TopicAlias = number
    return properties


def _marked(mark: bytes, kept_s: int) -> "Properties":
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = kept_s
    properties.CorrelationData = mark
    return properties


def _mark_of(properties: "Properties | None") -> bytes | None:
    mark = getattr(properties, "CorrelationData", None)
    return mark if isinstance(mark, bytes) else None


def _is_wanted() -> bool:
    """Tell whether nobody cancelled this task: before Python 3.12 a wait that ends just then hides it."""
    task = asyncio.current_task()
    return task is None or not task.cancelling()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
