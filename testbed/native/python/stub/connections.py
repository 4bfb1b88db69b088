"""The connections of clients: which have a request in progress, so that the service can finish it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Connections:
    """Knows which connections have a request in progress; after `finish` has begun, no idle one stays open."""

    def __init__(self) -> None:
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.ending = False

    def idle(self, connection: socket.socket) -> bool:
        """Record that the connection waits for a request; return False if it must be closed."""
        with self._changed:
            self._busy.discard(connection)
            self._idle.add(connection)
            self._changed.notify_all()
            return not self.ending

    def busy(self, connection: socket.socket) -> None:
        """Record that a request has arrived."""
        with self._changed:
            self._idle.discard(connection)
            self._busy.add(connection)

    def forget(self, connection: socket.socket) -> None:
        """Record that the connection has ended."""
        with self._changed:
            self._idle.discard(connection)
            self._busy.discard(connection)
            self._changed.notify_all()

    def finish(self, grace_s: float) -> None:
        """Close idle connections, and wait for the requests in progress, at most `grace_s` seconds."""
        deadline = time.monotonic() + grace_s
        with self._changed:
            self.ending = True
            for connection in self._idle:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
