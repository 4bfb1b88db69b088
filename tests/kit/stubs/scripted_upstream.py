"""A real HTTP server that answers from a script and remembers who asked what, on which connection."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Ending = Literal["whole", "chunked", "until-close", "hang-up", "reset", "cut", "stall", "garbage"]
PATIENCE_S = 100


@dataclass(frozen=True)
class Reply:
    """One answer: after a delay, after a meeting with other requests, and how it ends."""

    status: int = 200
    after_ms: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"from":"upstream"}'
    ending: Ending = "whole"
    meet: threading.Barrier | None = None
    hold: threading.Event | None = None


SILENCE = Reply(hold=threading.Event())


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    connection: int
    at: float  # monotonic


def own_address() -> str:
    """Return a loopback address that no other test has: chosen by the system, whatever the tests' seed is."""
    a, b, c = os.urandom(3)
    return f"127.{64 + a % 32}.{b}.{1 + c % 254}"


class Upstream:
    """Answers with its replies in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies = [Reply()]
        self.seen: list[Seen] = []
        self.ended: list[float] = []  # when an answer began to leave; it has left once it is listed
        self.left = threading.Event()  # a client closed while it waited
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accepted = 0
        self._address = (own_address(), 0)
        self.start()

    @property
    def host(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def connections(self) -> int:
        """How many different connections the requests came on."""
        return len({one.connection for one in self.seen})

    def script(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def start(self) -> None:
        """Listen, on the same port as before."""
        upstream = self

        class Handler(_Handler):
            owner = upstream

        self._server = _Server(self._address, Handler)
        self._address = self._server.server_address[:2]  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections and close the ones there are."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.close_connections()

    def close_connections(self, reset: bool = False) -> None:
        """Close every connection from this side, with a FIN, or with an RST."""
        with self._lock:
            served = dict(self._open)
        for sock in served:
            with suppress(OSError):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)  # wakes its thread
        for thread in served.values() if reset else ():
            thread.join()  # which has closed it: then it is reset

    @contextmanager
    def accepted(self, sock: socket.socket) -> Iterator[int]:
        with self._lock:
            self._open[sock] = threading.current_thread()
            self._accepted += 1
            number = self._accepted
        try:
            yield number
        finally:
            with self._lock:
                del self._open[sock]

    def next_reply(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close it without a FIN of its own, which a reset must not have."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves, or a connection that the test closed: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    owner: Upstream
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with self.owner.accepted(self.connection) as self.number, suppress(OSError, ValueError):
            super().handle()

    def _answer(self) -> None:
        seen = Seen(self.command, self.path, dict(self.headers.items()), self.number, time.monotonic())
        reply = self.owner.next_reply(seen)
        self.close_connection = reply.ending not in ("whole", "chunked") or not self._waited(reply)
        if not self.close_connection or reply.ending not in ("whole", "chunked"):
            begun = time.monotonic()  # once it is out, its receiver may be quicker than this thread
            self._send(reply)
            self.owner.ended.append(begun)

    do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = _answer

    def _waited(self, reply: Reply) -> bool:
        """Keep the client waiting; False if it left."""
        if reply.meet:
            reply.meet.wait(PATIENCE_S)
        wait_s = PATIENCE_S if reply.hold else reply.after_ms / 1000
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0 and not (reply.hold and reply.hold.is_set()):
            if select.select([self.connection], [], [], min(left, 0.005))[0]:
                self.owner.left.set()
                return False
        return True

    def _send(self, reply: Reply) -> None:
        body = b"" if reply.status in (204, 304) else reply.body
        head = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in reply.headers.items())]
        if reply.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif reply.ending == "garbage":
            self._write(b"SSH-2.0-nothing\r\n\r\n")
        elif reply.ending == "chunked":
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:]) if part)
            self._write(_head([*head, "Transfer-Encoding: chunked"]) + chunks + b"0\r\nTrailer: x\r\n\r\n")
        elif reply.ending == "until-close":
            self._write(_head([*head, "Connection: close"]) + body)
        elif reply.ending in ("cut", "stall"):
            self._write(_head([*head, f"Content-Length: {len(body) + 100}"]) + body)
            if reply.ending == "stall":
                self._waited(Reply(hold=threading.Event()))
        elif reply.ending == "whole":
            length = [] if reply.status in (204, 304) else [f"Content-Length: {len(body)}"]
            self._write(_head([*head, *length]) + (b"" if self.command == "HEAD" else body))

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _head(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()
