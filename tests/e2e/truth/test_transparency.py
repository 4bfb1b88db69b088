"""A table of raw peers, each on two stages that differ in nothing but the inlet: caller -> link -> [inlet ->] app.

What the app reads, what the caller reads and how the connection ends must be the same.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.kit.plane_apps import Conversation
from tests.kit.planes import Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

QUIET_S = 0.4  # a connection is open if nothing comes for so long; ends come within milliseconds
GET = b"GET /x?y=1 HTTP/1.1\r\nHost: App\r\nX-Mixed-Case: Yes\r\n"
OK = b"HTTP/1.1 200 Fine\r\nX-Reply-Case: Yes\r\n"


@dataclass(frozen=True)
class Peer:
    """A caller that sends these bytes, and an app that answers with those."""

    sent: bytes
    answer: bytes
    closes_after_s: float | None = None  # the app closes the connection so long after its answer
    then: bytes = b""  # what the caller sends after the first bytes of the answer, and gets back in upper case


PEERS = {
    "a kept connection": Peer(GET + b"\r\n", OK + b"Content-Length: 2\r\n\r\nok"),
    "an idle connection that the app closes": Peer(GET + b"\r\n", OK + b"Content-Length: 2\r\n\r\nok", 0.05),
    "connection: close of the app": Peer(GET + b"\r\n", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 0.0),
    "150 headers": Peer(
        GET + b"".join(b"X-%d: 1\r\n" % n for n in range(150)) + b"\r\n",
        OK + b"".join(b"Y-%d: 1\r\n" % n for n in range(150)) + b"Content-Length: 0\r\n\r\n",
    ),
    "heads of 200 KB": Peer(
        GET + b"X-Big: " + b"a" * 200_000 + b"\r\n\r\n",
        OK + b"Y-Big: " + b"b" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n",
    ),
    "expect: 100-continue": Peer(
        GET.replace(b"GET", b"POST") + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
        OK + b"Content-Length: 2\r\n\r\nok",
    ),
    "chunks with a trailer": Peer(
        GET.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n",
    ),
    "an answer without a body": Peer(GET + b"\r\n", b"HTTP/1.1 204 Nothing\r\n\r\n"),
    "an upgrade": Peer(
        GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        0.0,
        then=b"hello",
    ),
}


@dataclass(frozen=True)
class Seen:
    """What was read at both ends; header lines in no order, without the date."""

    at_the_app: tuple[list[bytes], bytes]
    at_the_caller: tuple[list[bytes], bytes]
    end: str


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Stage]]:
    folder = tmp_path_factory.mktemp("peers")
    with stage(folder / "with") as first, stage(folder / "without", inlet=False) as second:
        yield first, second


def connected(one: Stage) -> socket.socket:
    host, _, port = one.links[0].listen.partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def talk(one: Stage, peer: Peer) -> Seen:
    """Let the two peers talk on one stage."""
    arrived: list[Conversation] = []

    def answer(talk: Conversation) -> bool:
        arrived.append(talk)
        talk.send(peer.answer)
        if peer.then:
            talk.send(talk.socket.recv(100).upper())
        if peer.closes_after_s is not None:
            time.sleep(peer.closes_after_s)
        return peer.closes_after_s is None

    one.behave(answer)
    with connected(one) as caller:
        caller.sendall(peer.sent)
        got, end = read(caller, peer.then)
    (found,) = arrived
    return Seen(parts(found.head + found.body), parts(got), end)


def read(caller: socket.socket, then: bytes) -> tuple[bytes, str]:
    """Return all that comes, and how the connection ends."""
    got = b""
    while True:
        try:
            part = caller.recv(1 << 16)
        except TimeoutError:
            return got, "open"
        except ConnectionError:
            return got, "reset"
        if not part:
            return got, "closed"
        got += part
        caller.settimeout(QUIET_S)
        if then:
            caller.sendall(then)
            then = b""


def parts(message: bytes) -> tuple[list[bytes], bytes]:
    """Split off the head; interim answers stay in it."""
    head, _, rest = message.partition(b"\r\n\r\n")
    while rest.startswith(b"HTTP/1.1 "):
        more, _, rest = rest.partition(b"\r\n\r\n")
        head += b"\r\n" + more
    return sorted(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")), rest


@pytest.mark.parametrize("name", PEERS)
def test_steady_both_ends_see_the_same_with_and_without_the_inlet(stages: tuple[Stage, Stage], name: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one: talk(one, PEERS[name]), stages)
    assert first == second
    assert first.end == ("open" if PEERS[name].closes_after_s is None else "closed")


def test_steady_an_old_caller_and_an_old_app_end_the_connection_with_the_answer(stages: tuple[Stage, Stage]) -> None:
    """The inlet speaks HTTP/1.1 on both sides: the version of the first line differs, and nothing else."""
    old = Peer(b"GET / HTTP/1.0\r\nHost: app\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 0.0)
    new = Peer(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n", old.answer, 0.0)
    for peer in (old, new):
        seen = [talk(one, peer) for one in stages]
        assert [(one.at_the_caller[1], one.end) for one in seen] == [(b"ok", "closed")] * 2
        assert all(any(line.endswith(b" 200 OK") for line in one.at_the_caller[0]) for one in seen)


def test_steady_the_app_sees_that_its_caller_has_gone(stages: tuple[Stage, Stage]) -> None:
    for one in stages:
        held: list[socket.socket] = []

        def answer(talk: Conversation, held: list[socket.socket] = held) -> None:
            held.append(talk.socket.dup())
            talk.answer(200, b"ok")

        one.behave(answer)
        with connected(one) as caller:
            caller.sendall(GET + b"\r\n")
            caller.recv(1000)
        (kept,) = held
        kept.settimeout(0.05)

        def gone(kept: socket.socket = kept) -> bool:
            with contextlib.suppress(OSError):
                return kept.recv(1) == b""
            return kept.fileno() == -1

        eventually(gone)
        kept.close()
