"""Bounded concurrency: a limit of requests in progress, a queue in order of arrival, the rest are shed."""

from __future__ import annotations

import threading
from collections import deque

from .client import Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Client


class Shed(Exception):
    """The limit is reached and the queue is full."""


class Gate:
    """At most `limit` requests between `enter` and `leave`, at most `queue` waiting for their turn."""

    LOOK_S = 0.02  # how often a waiting request looks whether its client has disconnected

    def __init__(self, limit: int, queue: int) -> None:
        self._free = limit
        self._queue = queue
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    def enter(self, client: Client) -> None:
        """Enter, at once or in turn. Raises `Shed`, or `Cancelled` if the client disconnects meanwhile."""
        turn = self._ask()
        while turn is not None and not turn.acquire(timeout=self.LOOK_S):
            if client.gone() and self._give_up(turn):
                raise Cancelled

    def leave(self) -> None:
        """Let the request enter that has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def _ask(self) -> threading.Lock | None:
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            if len(self._waiting) >= self._queue:
                raise Shed
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
            return turn

    def _give_up(self, turn: threading.Lock) -> bool:
        """Leave the queue; return False if the turn has come meanwhile."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True
