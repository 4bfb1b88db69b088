"""A client that leaves: calls under way are cancelled, no others are begun."""

from __future__ import annotations

import json
import select
import socket
import struct
import time

import pytest

from tests.kit.stubs.behaviour import behaviour, call, instead, route
from tests.kit.stubs.conforming import RUNTIMES, until
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e
REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\nbaggage: tb.id=r1\r\n\r\n"


def leave(sock, how):
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        sock.shutdown(socket.SHUT_WR)
    else:
        sock.close()


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_calls_under_way_are_cancelled_and_nothing_follows(start, upstream, tmp_path, how):
    a, b, c = upstream(), upstream(), upstream()
    a.script(SILENCE)
    b.script(SILENCE)
    log = tmp_path / "attempts"
    step = [call("a", retries=3, on_failure=instead("c", call("c"))), call("b", timeout=15_000)]
    stub = start(behaviour(step, call("c")), {"a": a, "b": b, "c": c}, ATTEMPT_LOG=str(log))
    with stub.raw() as sock:
        sock.sendall(REQUEST)
        until(lambda: a.seen and b.seen)
        leave(sock, how)
        assert a.left.wait(60)
        assert b.left.wait(60)
        until(lambda: log.read_text().count("\n") == 4)
        time.sleep(0.1)
        if how == "half":
            assert sock.recv(100) == b""  # no answer
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted((line["kind"], line["to"], line["status"], line["error"]) for line in lines) == [
        ("call", "a", 0, "cancelled"),
        ("call", "b", 0, "cancelled"),
        ("try", "a", 0, "cancelled"),
        ("try", "b", 0, "cancelled"),
    ]
    assert (len(a.seen), len(b.seen), len(c.seen)) == (1, 1, 0)
    assert stub.get("/healthz").status == 200


ALONE = {"concurrency": {"limit": 1, "queue": 0, "shed": 429}, "routes": {"/next": route()}}
LONG = 100_000


def at_work(stub, sock):
    """Whether another request is shed; where that one came first and this one was shed, ask again."""
    if select.select([sock], [], [], 0)[0]:
        assert sock.recv(10_000).startswith(b"HTTP/1.1 429")
        sock.sendall(REQUEST)
    return stub.get("/next").status == 429


def test_who_leaves_during_the_work_gets_no_call_made(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), work={"0": LONG, "100": LONG}, **ALONE), {"a": a})
    with stub.raw() as sock:
        sock.sendall(REQUEST)
        until(lambda: at_work(stub, sock))
    until(lambda: stub.get("/next").status == 200)  # that work is over, long before its end
    assert a.seen == []


def test_who_leaves_during_a_pause_gets_no_further_try(start, upstream, tmp_path):
    a, log = upstream(), tmp_path / "attempts"
    a.script(Reply(500))
    stub = start(behaviour(call("a", retries=3, pause=LONG), **ALONE), {"a": a}, ATTEMPT_LOG=str(log))
    with stub.raw() as sock:
        sock.sendall(REQUEST)
        until(lambda: log.read_text())  # the first try is over
    until(lambda: stub.get("/next").status == 200)
    assert len(a.seen) == 1


def test_others_are_not_disturbed(start, upstream):
    a = upstream()
    a.script(SILENCE, Reply(after_ms=100))
    stub = start(behaviour(call("a")), {"a": a})
    with stub.raw() as leaver, stub.raw() as stayer:
        leaver.sendall(REQUEST)
        until(lambda: len(a.seen) == 1)
        stayer.sendall(REQUEST)
        until(lambda: len(a.seen) == 2)
        leaver.close()
        assert a.left.wait(60)
        assert stayer.recv(12) == b"HTTP/1.1 200"
