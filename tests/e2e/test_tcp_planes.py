"""A tcp edge through the real sidecar and link: bytes as they are, limits, ejection, and a record of connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from planes import EDGE, Stage, counters, stage, until_ejected

from testbed.edge.operations import Closed
from testbed.history import Attempt

pytestmark = pytest.mark.e2e

Answer = Callable[[bytes], bytes]


class Raw:
    """A server that answers each piece that comes with a function of it."""

    def __init__(self, address: str, handler: Answer) -> None:
        self.handler = handler
        ip, _, port = address.rpartition(":")
        self._server = socket.create_server((ip, int(port)), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while piece := client.recv(65536):
                client.sendall(self.handler(piece))

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def back(piece: bytes) -> bytes:
    return piece


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def connected(made: Stage) -> socket.socket:
    host, _, port = made.door.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def said(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    got = b""
    while len(got) < len(data) and (piece := sock.recv(65536)):
        got += piece
    return got


def connections(made: Stage) -> Iterator[Attempt]:
    return (event for event in made.seen() if isinstance(event, Attempt))


def test_bytes_go_both_ways_as_they_are_and_each_connection_is_on_record(folder: Path) -> None:
    with stage(folder, back, protocol="tcp", make=Raw) as made:
        assert made.links[0].inlet is None
        data = bytes(range(256)) * 400
        with connected(made) as first:
            assert said(first, data) == data
            with connected(made) as second:
                assert said(second, b"\0\r\n\r\nno HTTP") == b"\0\r\n\r\nno HTTP"
            deadline, seen = time.monotonic() + 10, list[Attempt]()
            while len({one.call for one in seen}) < 2 and time.monotonic() < deadline:
                seen = list(connections(made))
        assert {(one.edge, one.callee, one.status, one.source) for one in seen} == {(EDGE, "callee-1", 0, "connection")}
        assert len(seen) == 2


def test_connections_beyond_the_limit_are_closed_at_once(folder: Path) -> None:
    with stage(folder, back, policy={"circuitBreaker": {"maxConnections": 1}}, protocol="tcp", make=Raw) as made:
        with connected(made) as first, connected(made) as second:
            assert said(first, b"one") == b"one"
            assert said(second, b"two") == b""
        assert counters(made, "upstream_cx_overflow") == {"upstream_cx_overflow": 1}


def test_connections_that_cannot_be_made_eject_a_replica(folder: Path) -> None:
    outliers = {"consecutive5xxErrors": 2, "interval": "100ms", "baseEjectionTime": "30s", "maxEjectionPercent": 100}
    with stage(folder, back, replicas=2, policy={"outlierDetection": outliers}, protocol="tcp", make=Raw) as made:
        made.toxi.apply(Closed(made.links[0].name))
        answers = [_tried(made) for _ in range(8)]
        assert b"" in answers
        until_ejected(made)
        assert [_tried(made) for _ in range(6)] == [b"hi"] * 6


def _tried(made: Stage) -> bytes:
    try:
        with connected(made) as sock:
            return said(sock, b"hi")
    except OSError:
        return b""
