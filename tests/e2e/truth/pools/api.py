"""Four connections in turn, to a line store (DB) or over HTTP keep-alive (PEER). A broken one fails its request."""

import http.client
import os
import queue
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZE = 4


class Line:
    """A connection to the line store."""

    def __init__(self) -> None:
        host, _, port = os.environ["DB_ADDR"].rpartition(":")
        self.file = socket.create_connection((host, int(port)), timeout=5).makefile("rwb")

    def ask(self) -> None:
        """Send a line and read one."""
        self.file.write(b"select\n")
        self.file.flush()
        if not self.file.readline():
            raise ConnectionError("the store hung up")


class Web:
    """A kept connection over HTTP, without retries."""

    def __init__(self) -> None:
        host, _, port = os.environ["PEER_ADDR"].rpartition(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=5)
        self.connection.auto_open = 0
        self.connection.connect()

    def ask(self) -> None:
        """Send a request, and fail if there is no good answer."""
        self.connection.request("GET", "/")
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise ConnectionError(f"status {answer.status}")


pools: dict[str, queue.Queue] = {"/db": queue.Queue(), "/peer": queue.Queue()}
kinds = {"/db": Line, "/peer": Web}
for pool in pools.values():
    for _ in range(SIZE):
        pool.put(None)


class Handler(BaseHTTPRequestHandler):
    """Answers 503 if the connection of this turn is broken; it is made anew for the next turn."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Use the next connection of the pool."""
        status, one = 200, pools[self.path].get()
        try:
            one = one or kinds[self.path]()
            one.ask()
        except (OSError, http.client.HTTPException):
            status, one = 503, None
        pools[self.path].put(one)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


ThreadingHTTPServer((os.environ["ADDR"], int(os.environ["PORT"])), Handler).serve_forever()
