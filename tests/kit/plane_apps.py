"""Apps on one address that answer, misbehave or stand still as a Python function says: the callees of a stage."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

_ABRUPT = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST

Handler = Callable[["Conversation"], bool | None]


@dataclass
class Conversation:
    """One request at an app: what came, and the socket to misbehave on."""

    socket: socket.socket
    method: str
    target: str
    head: bytes
    body: bytes

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, status: int = 200, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Status", *headers, f"Content-Length: {len(body)}", "", ""]
        self.send("\r\n".join(lines).encode() + (b"" if self.method == "HEAD" else body))

    def reset(self) -> bool:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        return False


class App:
    """An app on one address whose behaviour is a Python function: it returns False to close the connection."""

    def __init__(self, address: str, handler: Handler) -> None:
        self.handler, self._count = handler, itertools.count(1)
        self.seen = 0  # requests
        self.awake = threading.Event()
        self.awake.set()
        ip, _, port = address.rpartition(":")
        self._server = socket.create_server((ip, int(port)), backlog=128)
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.awake.wait()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream, contextlib.suppress(OSError):
            while (talk := _read(client, stream)) is not None:
                self.seen = next(self._count)
                self.awake.wait()
                if self.handler(talk) is False:
                    return

    def freeze(self) -> None:
        """As if it had been sent SIGSTOP: the kernel still accepts connections and data, nobody reads them."""
        self.awake.clear()

    def thaw(self) -> None:
        self.awake.set()

    def close(self) -> None:
        """As if the process had died: nobody listens, open connections end."""
        with contextlib.suppress(OSError):  # of a second call
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in self._connections:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def _read(client: socket.socket, stream: object) -> Conversation | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()  # type: ignore[attr-defined]
        if not line:
            return None
        head += line
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if headers.get("expect") == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    method, target, _ = first.split(" ", 2)
    return Conversation(client, method, target, head, _read_body(headers, stream))


def _read_body(headers: dict[str, str], stream: object) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined,no-any-return]
    body = b""
    while size := int(stream.readline(), 16):  # type: ignore[attr-defined]
        body += stream.read(size)  # type: ignore[attr-defined]
        stream.readline()  # type: ignore[attr-defined]
    while stream.readline() not in (b"\r\n", b""):  # type: ignore[attr-defined]
        pass
    return body


def hello(talk: Conversation) -> None:
    talk.answer(200, b"hello")


def never(talk: Conversation) -> bool:
    """Do not answer, until the caller has gone."""
    with contextlib.suppress(OSError):
        talk.socket.recv(1)
    return False
