"""The clients' connections: which of them wait for an answer, so that the service can finish what it has begun."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Connections:
    """Knows which connections are busy; after `finish` has begun, no idle one is kept."""

    def __init__(self) -> None:
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.ending = False

    def idle(self, connection: socket.socket) -> bool:
        """Note that the connection waits for a request; False if it should be closed instead."""
        with self._changed:
            self._busy.discard(connection)
            self._idle.add(connection)
            self._changed.notify_all()
            return not self.ending

    def busy(self, connection: socket.socket) -> None:
        """Note that a request has come."""
        with self._changed:
            self._idle.discard(connection)
            self._busy.add(connection)

    def forget(self, connection: socket.socket) -> None:
        """Note that the connection has ended."""
        with self._changed:
            self._idle.discard(connection)
            self._busy.discard(connection)
            self._changed.notify_all()

    def finish(self, grace_s: float) -> None:
        """Close what is idle, and wait until nothing is busy, at most so many seconds."""
        deadline = time.monotonic() + grace_s
        with self._changed:
            self.ending = True
            for connection in self._idle:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
