"""Asks back on a socket of its own, in the way that the path says, and answers with the status of a whole answer."""

import contextlib
import http.client
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST, _, PORT = os.environ["BACK_ADDR"].rpartition(":")
BODY = b"x" * 3_000_000
WAYS = {  # method, headers, body
    "/tls-upgrade": ("GET", {"Connection": "Upgrade", "Upgrade": "TLS/1.2"}, b""),
    "/custom-method": ("FETCH", {}, b""),
    "/two-lengths": ("POST", {"Content-Length": "2", "content-length": "2"}, b"ok"),
    "/early": ("POST", {"Content-Length": str(len(BODY))}, BODY),
    "/early-close": ("POST", {"Content-Length": str(len(BODY))}, BODY),
}


def ask(path: str, baggage: str) -> int:
    """Return the status of a whole answer; 502 without one."""
    method, more, body = WAYS.get(path, ("GET", {}, b""))
    headers = {"Host": "back", "baggage": baggage, **more}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        with socket.create_connection((HOST, int(PORT)), timeout=3) as wire:
            with contextlib.suppress(OSError):  # the answer may have come before all was sent
                wire.sendall(head.encode() + b"\r\n" + body)
            answer = http.client.HTTPResponse(wire, method=method)
            answer.begin()
            answer.read()
            return answer.status
    except (OSError, http.client.HTTPException):
        return 502


class Front(BaseHTTPRequestHandler):
    """One request to back for each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Ask, and hand on the status."""
        self.send_response(ask(self.path, self.headers.get("baggage", "")))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((os.environ["ADDR"].partition(":")[0], int(os.environ["PORT"])), Front).serve_forever()
