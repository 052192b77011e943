"""The mathematics: motion, body, controls, pictures. Pure numpy; no asyncio, no sockets."""
