"""The client of a request: every wait ends early when it disconnects."""

from __future__ import annotations

import math
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket


class Cancelled(Exception):
    """The client has disconnected."""


class Client:
    """Waits that raise `Cancelled` when the peer of `sock` closes its side."""

    def __init__(self, sock: socket.socket, heeded: bool = True) -> None:
        self._sock = sock
        self._heeded = heeded  # False: work goes on after the client has disconnected

    def gone(self) -> bool:
        """Whether the client has disconnected and work must stop."""
        return bool(self._poller().poll(0))

    def sleep(self, ms: float) -> None:
        """Wait `ms` milliseconds (rounded up to whole ones). Raises `Cancelled`."""
        if self._poller().poll(math.ceil(ms)):
            raise Cancelled

    def wait_for(self, sock: socket.socket, event: int, deadline: float | None) -> None:
        """Wait until `sock` has `event`. Raises `Cancelled`, or `TimeoutError` at `deadline` (monotonic seconds)."""
        poller = self._poller()
        poller.register(sock, event)
        left = None if deadline is None else max(0, math.ceil((deadline - time.monotonic()) * 1000))
        ready = [fd for fd, _ in poller.poll(left)]
        if self._sock.fileno() in ready:
            raise Cancelled
        if not ready:
            raise TimeoutError

    def _poller(self) -> select.poll:
        poller = select.poll()
        if self._heeded:
            poller.register(self._sock, select.POLLRDHUP)
        return poller
