"""A tcp edge through the real sidecar and link: bytes as they are, limits, ejection, and a record of connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from testbed.faults.operations import LinkDown
from testbed.history.events import Attempt
from tests.kit.planes import Row, Stage, counters, stage, until_ejected
from tests.kit.processes import eventually

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


ROW = Row()


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("tcp") / "run"
    with stage(folder, back, callees=ROW.callees, protocol="tcp", make=Raw) as made:
        yield made


@pytest.fixture
def one(row: Stage, request: pytest.FixtureRequest) -> Stage:
    """The callee that is under the policy of the test."""
    return row.at(request.param)


def connected(made: Stage) -> socket.socket:
    host, _, port = made.door.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def said(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    got = b""
    while len(got) < len(data) and (piece := sock.recv(65536)):
        got += piece
    return got


def connections(made: Stage) -> Iterator[Attempt]:
    return (event for event in made.seen() if isinstance(event, Attempt))


@ROW.under()
def test_bytes_go_both_ways_as_they_are_and_each_connection_is_on_record(one: Stage) -> None:
    assert one.links[0].inlet is None
    data = bytes(range(256)) * 400
    with connected(one) as first:
        assert said(first, data) == data
        with connected(one) as second:
            assert said(second, b"\0\r\n\r\nno HTTP") == b"\0\r\n\r\nno HTTP"
        eventually(lambda: len({each.call for each in connections(one)}) == 2)
        seen = list(connections(one))
    callee = one.callees[0].name
    assert {(each.edge, each.callee, each.status, each.source) for each in seen} == {
        (one.edge, callee, 0, "connection")
    }
    assert len(seen) == 2


@ROW.under(circuitBreaker={"maxConnections": 1})
def test_connections_beyond_the_limit_are_closed_at_once(one: Stage) -> None:
    with connected(one) as first, connected(one) as second:
        assert said(first, b"one") == b"one"
        assert said(second, b"two") == b""
    assert counters(one, "upstream_cx_overflow") == {"upstream_cx_overflow": 1}


@ROW.under(
    2,
    outlierDetection={
        "consecutive5xxErrors": 2,
        "interval": "100ms",
        "baseEjectionTime": "600s",
        "maxEjectionPercent": 100,
    },
)
def test_connections_that_cannot_be_made_eject_a_replica(one: Stage) -> None:
    one.toxi.apply(LinkDown(one.links[0].name))
    assert b"" in [_tried(one) for _ in range(8)]
    until_ejected(one)
    assert [_tried(one) for _ in range(6)] == [b"hi"] * 6


def _tried(made: Stage) -> bytes:
    try:
        with connected(made) as sock:
            return said(sock, b"hi")
    except OSError:
        return b""
