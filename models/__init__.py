"""The mathematics: motion, body, controls, pictures. Pure numpy and torch; no asyncio, no sockets."""
