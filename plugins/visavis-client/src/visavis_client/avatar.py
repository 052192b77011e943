"""`Avatar`: one connection to the avatar socket, with the verbs of a visavis session."""

import asyncio
import json
import logging
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from visavis_client.errors import AvatarError, AvatarGoneError, AvatarRefusedError
from visavis_client.outbox import Outbox
from visavis_client.wire import (
    VERSION,
    Encoding,
    Frame,
    SegmentEvent,
    SegmentFinished,
    read_event,
    read_frame,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

logger = logging.getLogger(__name__)

KEPT_FREE = 0.9
"""Part of visavis' limit of waiting speech that is used; the rest covers what is heard and not yet told."""
MESSAGE_MAX_BYTES = 8 << 20
"""An RGB picture of 1024 × 1024 takes 3 MB."""


class Avatar:
    """An avatar that says what is pushed. Make it with `await Avatar.open(…)`; iterate it by one consumer.

    Events are told, and speech goes on, while somebody iterates: frames come 25 a second, for ever. Who
    iterates too slowly finds that media time has skipped to the present.
    """

    def __init__(self, connection: ClientConnection, opened: dict[str, Any]) -> None:
        self._connection = connection
        self.name: str = opened["avatar"]
        """Which avatar it is."""
        self.width: int = opened["width"]
        self.height: int = opened["height"]
        self.fps: int = opened["fps"]
        self.sample_rate_hz: int = opened["sample_rate_hz"]
        """Rate of the frames' sound."""
        self._limit_s: float = opened["input_limit_s"]
        self._outbox = Outbox(KEPT_FREE * self._limit_s)
        self._subscribers: list[Callable[[SegmentEvent], None]] = []
        self._clears = 0
        self._wake = asyncio.Event()
        self._closed = False
        self._feeder = asyncio.create_task(self._feed(), name="avatar feeder")

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        avatar: str | None = None,
        picture: Encoding = "jpeg",
        quality: int = 85,
        token: str | None = None,
    ) -> Self:
        """Connect and wait until the avatar's first picture is made.

        Args:
            url: address of visavis, as `visavis serve` prints it; a token in it is used.
            avatar: its name there; None takes the default one.
            picture: how pictures come: `jpeg`, or raw `rgb` or `i420` on the same machine; `none` for none.
            quality: of JPEG, 1 to 100.
            token: where visavis wants one, and the address does not hold it.

        Raises:
            AvatarRefusedError: visavis lends none; the message says why.
            AvatarGoneError: visavis is not there.
        """
        address, token = socket_address(url, token)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection = await connect(
                address, additional_headers=headers, compression=None, max_size=MESSAGE_MAX_BYTES
            )
        except InvalidStatus as error:
            code = "token" if error.response.status_code == 401 else "refused"
            raise AvatarRefusedError(code, _body(error) or str(error)) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise AvatarGoneError(f"no visavis answers at {address}: {error}") from error
        try:
            wish = {"type": "open", "avatar": avatar, "picture": picture, "quality": quality}
            await connection.send(json.dumps(wish))
            return cls(connection, _opened(json.loads(await connection.recv())))
        except ConnectionClosed as error:
            raise AvatarGoneError(f"visavis closed the connection: {error}") from error
        except BaseException:
            await connection.close()
            raise

    @property
    def segment(self) -> int:
        """Number of the segment that was begun last; 0 before the first."""
        return self._outbox.segment

    def push_audio(self, pcm: Any, sample_rate_hz: int) -> None:
        """Append speech to the open segment; begins one when none is open.

        Args:
            pcm: mono 16-bit samples, little-endian: bytes, or an array of int16.
            sample_rate_hz: their rate, 8 000 to 192 000.

        Raises:
            AvatarError: after `aclose`.
        """
        self._check_open()
        self._outbox.push(bytes(memoryview(pcm).cast("B")), sample_rate_hz)
        self._wake.set()

    def room_s(self) -> float:
        """Return seconds of speech that visavis would still take; more waits on this side."""
        return max(0.0, self._limit_s - self._outbox.waiting_s)

    def end_segment(self) -> None:
        """End the open segment; the next `push_audio` begins another. Does nothing when none is open."""
        self._check_open()
        self._outbox.end()
        self._wake.set()

    def clear(self) -> None:
        """Fall silent: what was pushed is dropped here and there, and every segment is finished, interrupted.

        Frames that are on their way come without their sound.
        """
        self._check_open()
        self._clears += self._outbox.clear()
        self._wake.set()

    def attend(self, presence: str) -> None:
        """Say what the avatar does while it does not speak: idle, listening or thinking."""
        self._check_open()
        self._outbox.attend(presence)
        self._wake.set()

    def subscribe(self, callback: Callable[[SegmentEvent], None]) -> Callable[[], None]:
        """Call `callback` for each start and end of a segment. Returns how to stop that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame. Raises `AvatarGoneError` when the connection breaks."""
        while True:
            try:
                message = await self._connection.recv()
            except ConnectionClosed as error:
                if self._closed:
                    raise StopAsyncIteration from None
                raise AvatarGoneError(f"the connection to visavis broke: {error}") from error
            if isinstance(message, bytes):
                return self._take(message)
            self._hear(json.loads(message))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave. Safe to call twice."""
        self._closed = True
        self._feeder.cancel()
        await asyncio.wait([self._feeder])
        await self._connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise AvatarError("this avatar is closed")

    def _take(self, message: bytes) -> Frame:
        try:
            frame = read_frame(message)
        except (struct.error, IndexError) as error:
            raise AvatarError(f"a frame that is none, of {len(message)} bytes") from error
        if frame.clears != self._clears % 256:
            return replace(frame, pcm=b"", segment=0)
        if frame.segment:
            self._outbox.heard(frame.segment, len(frame.pcm) / 2 / self.sample_rate_hz)
            self._wake.set()
        return frame

    def _hear(self, message: dict[str, Any]) -> None:
        event = read_event(message)
        if event is None:
            logger.warning("visavis: %s", message.get("message", message))
            return
        if isinstance(event, SegmentFinished):
            self._outbox.finished(event.segment)
            self._wake.set()
        for callback in tuple(self._subscribers):
            try:
                callback(event)
            except Exception:
                logger.exception("a subscriber failed on %s", event)

    async def _feed(self) -> None:
        """Send what may be sent; a broken connection is told to who iterates."""
        try:
            while True:
                while (message := self._outbox.take()) is not None:
                    await self._connection.send(message)
                self._wake.clear()
                await self._wake.wait()
        except ConnectionClosed:
            logger.debug("the connection closed under the feeder")


def socket_address(url: str, token: str | None = None) -> tuple[str, str | None]:
    """Return the socket's address and the token for a page's link, e.g. `http://host:8080/#token=…`.

    Raises:
        ValueError: for what is no such link.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ValueError(f"{url!r} is no address of visavis; one looks like http://127.0.0.1:8080")
    path = parts.path.rstrip("/")
    found = parse_qs(parts.fragment).get("token", [None])[0]
    return f"{scheme}://{parts.netloc}{path}/v1/avatar", token or found


def _opened(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("type") == "error":
        raise AvatarRefusedError(str(answer.get("code")), str(answer.get("message")))
    if answer.get("type") != "opened" or answer.get("version") != VERSION:
        raise AvatarRefusedError("version", f"this client speaks version {VERSION} and visavis said {answer}")
    return answer


def _body(error: InvalidStatus) -> str:
    """Return what a refusal before the handshake says."""
    try:
        return str(json.loads(error.response.body or b"{}").get("message", ""))
    except ValueError:
        return ""
