"""Persistent connections to the upstreams, and one try of a call on them."""

from __future__ import annotations

import os
import select
import socket

from .client import Cancelled
from .wire import PIECE, Malformed, Reader, message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Client

ERRORS = (
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, BrokenPipeError, EOFError), "reset"),
    (TimeoutError, "timeout"),
    (Cancelled, "cancelled"),
    (Exception, "other"),
)
BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")


def error_name(error: Exception) -> str:
    """Return the name of an error in the attempt log."""
    return next(name for kind, name in ERRORS if isinstance(error, kind))


class Pool:
    """Idle connections by "ip:port", as many as there were parallel calls."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Connection]] = {}

    def exchange(
        self, host: str, request: bytes, method: str, client: Client, deadline: float | None, keep: bool = False
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, headers and (to `keep`) the body, once the whole answer is here.

        Raises what `error_name` understands: `OSError`, `EOFError`, `Cancelled`, `Malformed`.
        """
        idle = self._idle.setdefault(host, [])
        connection = _alive(idle) or Connection(host)
        try:
            status, headers, body, reusable = connection.exchange(request, method, client, deadline, keep)
        except BaseException:
            connection.close()
            raise
        if reusable:
            idle.append(connection)
        else:
            connection.close()
        return status, headers, body


def _alive(idle: list[Connection]) -> Connection | None:
    while True:
        try:
            connection = idle.pop()
        except IndexError:
            return None
        if connection.silent():
            return connection
        connection.close()


class Connection:
    """One connection to an upstream; connects on first use."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connected = False

    def close(self) -> None:
        """Close; it may be closed already."""
        self._sock.close()

    def silent(self) -> bool:
        """Whether the idle peer neither closed, nor reset, nor sent anything."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def exchange(
        self, request: bytes, method: str, client: Client, deadline: float | None, keep: bool
    ) -> tuple[int, dict[str, str], bytes, bool]:
        """Send one request, read the whole answer: status, headers, body, and whether the connection can be used again.

        The body is read in any case; it is returned only to `keep`.
        """
        if not self._connected:
            self._connect(client, deadline)
        self._send(request, client, deadline)
        reader = Reader(lambda: self._receive(client, deadline))
        status, headers = _final_head(reader)
        sized = "content-length" in headers or "transfer-encoding" in headers
        empty = method == "HEAD" or status in (204, 304)
        pieces = [piece for piece in reader.body(headers, until_end=True) if keep] if not empty else []
        return (
            status,
            headers,
            b"".join(pieces),
            (sized or empty) and "close" not in headers.get("connection", "").lower(),
        )

    def _connect(self, client: Client, deadline: float | None) -> None:
        address, _, port = self._host.rpartition(":")
        try:
            self._sock.connect((address, int(port)))
        except BlockingIOError:
            client.wait_for(self._sock, select.POLLOUT, deadline)
            if code := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code)) from None
        self._connected = True

    def _send(self, data: bytes, client: Client, deadline: float | None) -> None:
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                client.wait_for(self._sock, select.POLLOUT, deadline)

    def _receive(self, client: Client, deadline: float | None) -> bytes:
        client.wait_for(self._sock, select.POLLIN, deadline)
        return self._sock.recv(PIECE)


def _final_head(reader: Reader) -> tuple[int, dict[str, str]]:
    """Return status and headers of the answer, past any interim (1xx) ones."""
    while True:
        first, headers = reader.head()
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if not version.startswith("HTTP/1.") or not code.isdigit():
            raise Malformed(first)
        if not code.startswith("1"):
            return int(code), headers


def request_bytes(method: str, target: str, host: str, headers: dict[str, str]) -> bytes:
    """Return a request without a body; `host` is the name of the service, not the address of the peer."""
    length = {} if method in BODILESS else {"content-length": "0"}
    return message(f"{method} {target} HTTP/1.1", {"host": host, **headers, **length})
