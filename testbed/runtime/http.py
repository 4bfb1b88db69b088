"""HTTP requests to the control address ("ip:port" or "unix:PATH") of a process: on a new connection, or a kept one."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping

from testbed.errors import TestbedError
from testbed.runtime.unix_sockets import connected, is_unix, path_of

TIMEOUT_S = 5.0


def ask(
    address: str,
    path: str,
    complaint: str,
    *,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, str]:
    """Send one request to an address; return status and text.

    Raises `TestbedError` that begins with `complaint` if there is no answer.
    """
    connection = connection_to(address, timeout_s)
    try:
        return _exchange(connection, method, path, body, headers)
    except (OSError, http.client.HTTPException) as problem:
        raise TestbedError(f"{complaint}: {problem!r}") from problem
    finally:
        connection.close()


def connection_to(address: str, timeout_s: float) -> http.client.HTTPConnection:
    """Return a connection to "ip:port" or "unix:PATH", which is made by the first request."""
    if is_unix(address):
        return _UnixConnection(path_of(address), timeout_s)
    return http.client.HTTPConnection(address, timeout=timeout_s)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = connected(self._path, self.timeout)


class KeepAliveClient:
    """Sends many requests to one address, and detects its restarts. Not thread-safe."""

    def __init__(self, address: str, timeout_s: float = 1.0) -> None:
        self._connection = connection_to(address, timeout_s)
        self.life = 1  # 1 more after each restart of the other side
        self._broke = False

    def get(self, path: str) -> str | None:
        """Return the text of a 200; None if there was none in time."""
        fresh = self._connection.sock is None
        text = self._once(path)
        if text is None and not fresh and self._connection.sock is None and self._broke:
            self.life += 1
            text = self._once(path)
        return text

    def took_ms(self, path: str) -> float:
        """Return the duration of a request, or the length of the wait without an answer."""
        begun = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - begun) * 1000

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _once(self, path: str) -> str | None:
        self._broke = False
        try:
            status, text = _exchange(self._connection, "GET", path)
        except (OSError, http.client.HTTPException) as problem:
            self._broke = isinstance(problem, ConnectionError | http.client.HTTPException)
            self._connection.close()
            return None
        return text if status == 200 else None


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")
