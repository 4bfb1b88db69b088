"""An app with a keep-alive time of 100 ms, which ends at the worst moment: when the next request has just been sent."""

import asyncio
import math
import os
import time

IDLE_S = 0.1


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer; a request on a connection that was idle for too long ends it."""
    last = math.inf  # a new connection is not idle
    try:
        while await reader.readuntil(b"\r\n\r\n") and time.monotonic() - last <= IDLE_S:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            last = time.monotonic()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.start_server(serve, os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
