"""One HTTP connection that is kept: quick to ask many times, and it notices when the other side began a new life."""

from __future__ import annotations

import http.client
import time


class Kept:
    """Asks one "ip:port" again and again. Not for use by two threads at once."""

    def __init__(self, address: str, timeout_s: float = 1.0) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=timeout_s)
        self.life = 1  # one more whenever the other side had ended
        self._broke = False

    def get(self, path: str) -> str | None:
        """Return the text of a 200; None if there was no such answer in time."""
        fresh = self._connection.sock is None
        text = self._once(path)
        if text is None and not fresh and self._connection.sock is None and self._broke:
            self.life += 1
            text = self._once(path)
        return text

    def took_ms(self, path: str) -> float:
        """Return how long an answer took, or how long it was waited for."""
        begun = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _once(self, path: str) -> str | None:
        self._broke = False
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as problem:
            self._broke = isinstance(problem, ConnectionError | http.client.HTTPException)
            self._connection.close()
            return None
        return text if answer.status == 200 else None
