"""Waits until many processes are ready, in parallel, over raw sockets and with little CPU time."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from testbed.runtime.probes import Ask
from testbed.runtime.unix_sockets import is_unix, path_of, usable

PAUSE_S = 0.005  # minimum pause between two checks of the same address
PAUSE_EACH_S = 0.0005  # more for each address, so at most 2,000 checks a second (a tenth of a core)
PATIENCE_S = 1.0  # time limit of one answer; then a new connection is made
ASK_S = 0.05  # minimum pause between two calls of a check function


def wait_ready(
    conditions: Mapping[str, str | Ask],
    timeout_s: float,
    check: Callable[[], None],
    own_s: Mapping[str, float] | None = None,
) -> dict[str, str]:
    """Wait until all are ready. After the time limit, return the names that are not ready, each with the reason.

    A condition is a URL that answers 200 to 399 (http) or accepts a connection (tcp, unix), or a check function. The
    limit is `timeout_s`, or that in `own_s`. `check` is called repeatedly; an exception from it ends the wait.
    """
    begin = time.monotonic()
    waiting = {_probe(name, condition) for name, condition in conditions.items()}
    ends = {name: begin + (own_s or {}).get(name, timeout_s) for name in conditions}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting and time.monotonic() < min(ends[probe.name] for probe in waiting):
                check()
                pause = PAUSE_S + PAUSE_EACH_S * len(waiting)
                _look(selector, waiting, pause)
                waiting = {probe for probe in waiting if not probe.ready}
        finally:
            for probe in waiting:
                probe.close(selector)
    now = time.monotonic()
    return {probe.name: probe.reason for probe in waiting if now >= ends[probe.name]}


class _Probe(Protocol):
    """One readiness check."""

    name: str
    ready: bool
    reason: str  # why it is not ready

    def begin(self, selector: selectors.DefaultSelector, now: float) -> None:
        """Begin a check."""

    def close(self, selector: selectors.DefaultSelector) -> None:
        """Close the check."""


def _probe(name: str, condition: str | Ask) -> _Probe:
    return _Address(name, condition) if isinstance(condition, str) else _Function(name, condition)


class _Function:
    """A check function, called with pauses that are at least as long as its calls."""

    def __init__(self, name: str, ask: Ask) -> None:
        self.name, self.ready, self.reason, self._ask, self._due = name, False, "not checked yet", ask, 0.0

    def begin(self, selector: selectors.DefaultSelector, now: float) -> None:
        """Call the function if it is due."""
        if now >= self._due:
            self.reason = self._ask()
            self.ready = not self.reason
            done = time.monotonic()
            self._due = done + max(ASK_S, done - now)

    def close(self, selector: selectors.DefaultSelector) -> None:
        """Do nothing: no connection is open."""


def _look(selector: selectors.DefaultSelector, probes: Collection[_Probe], pause: float) -> None:
    """Begin every check, then read answers for one pause."""
    now = time.monotonic()
    end = now + pause
    for probe in probes:
        probe.begin(selector, now)
    while (left := end - time.monotonic()) > 0 and not all(probe.ready for probe in probes):
        for key, _ in selector.select(left):
            key.data.advance(selector)


class _Address:
    """One address, checked until it answers 200 to 399 (http) or accepts a connection (tcp)."""

    def __init__(self, name: str, url: str) -> None:
        parts = urlsplit(url)
        self.name, self.ready, self.reason = name, False, "not checked yet"
        self._connects, self._path = parts.scheme in ("tcp", "unix"), path_of(url) if is_unix(url) else ""
        self._address = (parts.hostname or "", parts.port or 80)
        head = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        self._request = head.encode()
        self._socket: socket.socket | None = None
        self._answer = b""
        self._since = 0.0

    def begin(self, selector: selectors.DefaultSelector, now: float) -> None:
        """Connect unless a connection is in progress."""
        if self._socket is not None and now - self._since > PATIENCE_S:
            self._fail(selector, f"no answer within {PATIENCE_S:g} s")
        if self._socket is None:
            family = socket.AF_UNIX if self._path else socket.AF_INET
            self._socket, self._answer, self._since = socket.socket(family), b"", now
            self._socket.setblocking(False)
            code = self._connect(self._socket)
            selector.register(self._socket, selectors.EVENT_WRITE, self)
            if code not in (0, errno.EINPROGRESS):
                self._fail(selector, os.strerror(code).lower())

    def _connect(self, line: socket.socket) -> int:
        if not self._path:
            return line.connect_ex(self._address)
        try:
            with usable(self._path) as short:
                return line.connect_ex(short)
        except OSError as error:
            return error.errno or errno.ENOENT

    def advance(self, selector: selectors.DefaultSelector) -> None:
        """Send the request on a new connection, or read the answer."""
        assert self._socket is not None
        try:
            if selector.get_key(self._socket).events == selectors.EVENT_WRITE:
                if self._connects:
                    return self._connected(selector, self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                self._socket.send(self._request)
                selector.modify(self._socket, selectors.EVENT_READ, self)
            else:
                self._read(selector, self._socket.recv(4096))
        except OSError as error:
            self._fail(selector, (error.strerror or str(error)).lower())

    def close(self, selector: selectors.DefaultSelector) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _connected(self, selector: selectors.DefaultSelector, code: int) -> None:
        self.ready = code == 0
        self._fail(selector, os.strerror(code).lower())

    def _read(self, selector: selectors.DefaultSelector, data: bytes) -> None:
        self._answer += data
        line, complete, _ = self._answer.partition(b"\r\n")
        if complete or not data:
            status = line.split(b" ")[1:2]
            self.ready = bool(status) and status[0][:1] in (b"2", b"3")
            self._fail(selector, f"answers {status[0].decode(errors='replace')}" if status else "connection closed")

    def _fail(self, selector: selectors.DefaultSelector, reason: str) -> None:
        self.reason = reason
        self.close(selector)
