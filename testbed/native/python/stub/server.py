"""The server: a thread for each connection, each answer in one write."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

from .behaviour import BadInput
from .client import Cancelled
from .connections import Connections
from .service import Request, Service
from .settings import Settings
from .wire import PIECE, Malformed, Reader, message

BACKLOG = 1024
HEALTHY = (200, {"content-type": "text/plain"}, b"ok")


def main() -> None:
    """Serve until SIGTERM; exit with 2 and one line on stderr if it cannot start."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        settings = Settings(dict(os.environ))
        service = Service(settings)
        if settings.behaviour["protocol"] == "grpc":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # before any thread is started
            from .rpc_server import serve  # only where it is needed: it takes 0.1 s or more

            serve(settings, service)
            return
        connections = Connections()
        listener = _listen(settings.address, settings.port)
    except BadInput as error:
        print(f"stub: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        if settings.behaviour["grace"]:
            signal.signal(signal.SIGTERM, _stop)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, service, connections), daemon=True).start()
    except Stop:
        listener.close()
        connections.finish(settings.behaviour["grace"] / 1000)
    os._exit(0)


class Stop(Exception):
    """SIGTERM has arrived."""


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stop


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        raise BadInput(f"cannot listen on {address}:{port}: {error.strerror}") from None
    return listener


def _serve(connection: socket.socket, service: Service, connections: Connections) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = Reader(lambda: connection.recv(PIECE))
    with connection:
        try:
            connections.idle(connection)
            while _serve_one(connection, reader, service, connections) and connections.idle(connection):
                pass
        except Malformed as error:
            connection.sendall(_answer(400, {"connection": "close"}, f"{error}\n".encode(), "GET"))
        except (OSError, EOFError, Cancelled):
            pass  # the client has disconnected
        finally:
            connections.forget(connection)


def _serve_one(connection: socket.socket, reader: Reader, service: Service, connections: Connections) -> bool:
    """Answer the next request; return False if the connection must be closed after it."""
    first, headers = reader.head()
    connections.busy(connection)
    method, target, version = _request_line(first)
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    for _ in reader.body(headers):
        pass
    path = _path(target)
    wish = headers.get("connection", "").lower()
    keep = "close" not in wish if version == "HTTP/1.1" else "keep-alive" in wish
    if (method, path) == ("GET", "/healthz"):
        status, extra, body = HEALTHY
    else:
        status, extra, body = service.answer(Request(method, path, headers, service.client(connection)))
    keep = keep and not connections.ending
    connection.sendall(_answer(status, extra if keep else {**extra, "connection": "close"}, body, method))
    return keep


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise Malformed(f"not a request: {line!r}")
    return parts[0], parts[1], parts[2]


def _path(target: str) -> str:
    """Return the path of a request target, absolute-form or not, without the query."""
    target = target.partition("?")[0]
    if target.startswith("http://"):
        _, slash, rest = target[7:].partition("/")
        return slash + rest or "/"
    return target


def _answer(status: int, headers: dict[str, str], body: bytes, method: str) -> bytes:
    if status in (204, 304):
        return message(f"HTTP/1.1 {status} ", headers)
    sized = {**headers, "content-length": str(len(body))}
    return message(f"HTTP/1.1 {status} ", sized, b"" if method == "HEAD" else body)
