"""A way on which datagrams get lost: between the room in this process and those who call.

It looks into aioice, which owns the room's sockets: neither browsers nor aiortc can be asked for a bad line.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aioice.ice import StunProtocol

SEED: Final = 7


class LossyWay:
    """Loses a share of all datagrams, in either direction: voice, motion, reports and what keeps the line."""

    def __init__(self) -> None:
        self._random = random.Random(SEED)
        self._spared: frozenset[int] = frozenset()
        self.share = 0.0
        """Share that is lost, 0..1."""
        self.lost = self.passed = 0

    def spare(self, ports: list[int]) -> None:
        """Lose nothing that comes from, or goes to, these ports."""
        self._spared = frozenset(ports)

    def loses(self, port: int) -> bool:
        """Decide about a datagram of somebody at this port, and count it."""
        if port in self._spared or self.share == 0:
            return False
        lost = self._random.random() < self.share
        self.lost += lost
        self.passed += not lost
        return lost

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand between aioice and the network meanwhile."""
        receive, send = StunProtocol.datagram_received, StunProtocol.send_data

        def datagram_received(protocol: StunProtocol, data: Any, addr: tuple[Any, ...]) -> None:
            if not self.loses(addr[1]):
                receive(protocol, data, addr)

        async def send_data(protocol: StunProtocol, data: bytes, addr: tuple[str, int]) -> None:
            if not self.loses(addr[1]):
                await send(protocol, data, addr)

        StunProtocol.datagram_received = datagram_received  # type: ignore[assignment, method-assign]
        StunProtocol.send_data = send_data  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            StunProtocol.datagram_received = receive  # type: ignore[assignment, method-assign]
            StunProtocol.send_data = send  # type: ignore[assignment, method-assign]
