"""Asks back in the way that the path says, on a socket of its own, and answers with the status that came."""

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, _, PORT = os.environ["BACK_ADDR"].rpartition(":")
WAYS = {
    "/old": ("HTTP/1.0", {}),
    "/big": ("HTTP/1.1", {"X-Big": "a" * 70_000}),
    "/many": ("HTTP/1.1", {f"X-{n}": "1" for n in range(150)}),
    "/websocket": ("HTTP/1.1", {"Upgrade": "websocket", "Connection": "Upgrade"}),
    "/unknown-upgrade": ("HTTP/1.1", {"Upgrade": "gopher", "Connection": "Upgrade"}),
}


class Front(BaseHTTPRequestHandler):
    """One request to back for each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Ask, and say hello if the protocol was switched."""
        version, headers = WAYS[self.path]
        headers = {"Host": "back", "baggage": self.headers.get("baggage", ""), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection((HOST, int(PORT)), timeout=5) as wire, wire.makefile("rb") as answer:
            wire.sendall(f"GET / {version}\r\n{head}\r\n".encode())
            status = int((answer.readline().split() or [b"", b"502"])[1])
            while answer.readline().strip():
                pass
            if status == 101:
                wire.sendall(b"hello")
                status = 200 if answer.read(5) == b"HELLO" else 502
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Front).serve_forever()
