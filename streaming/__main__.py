"""Open a room with the fake host, to look at the page: `python -m streaming [PORT]`."""

import asyncio
import logging
import sys

from streaming.config import RoomConfig
from streaming.fakes import FakeHost
from streaming.server import room_server


async def main(port: int) -> None:
    """Serve until interrupted."""
    config = RoomConfig(port=port)
    logging.getLogger(__name__).info("the room is open at http://%s:%d", config.host, port)
    host = FakeHost(step_s=0.5)
    try:
        await room_server(host, config).serve()
    finally:
        await host.aclose()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8080))
