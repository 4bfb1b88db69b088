"""The connections of clients: which have a request in progress, so that the service can finish it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

STAY_S = 1.0  # idle connections stay open for so long at most after SIGTERM, and for a tenth of the grace


class Connections:
    """Knows which connections have a request in progress; after `finish` has begun, one answer more is the last."""

    def __init__(self) -> None:
        self._idle: set[socket.socket] = set()
        self._busy: set[socket.socket] = set()
        self._changed = threading.Condition()
        self.ending = False  # the next answer on each is its last
        self._closing = False

    def idle(self, connection: socket.socket) -> bool:
        """Record that the connection waits for a request; return False if it must be closed."""
        with self._changed:
            self._busy.discard(connection)
            self._idle.add(connection)
            self._changed.notify_all()
            return not self._closing

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
        """Wait for the requests in progress, at most `grace_s` seconds; idle connections end before that."""
        began = time.monotonic()
        with self._changed:
            self.ending = True
            self._wait(lambda: self._idle or self._busy, began + min(STAY_S, grace_s / 10))
            self._closing = True
            for connection in self._idle:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._wait(lambda: self._busy, began + grace_s)

    def _wait(self, there: Callable[[], object], until: float) -> None:
        while there() and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)
