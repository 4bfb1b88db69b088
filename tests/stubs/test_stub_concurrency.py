"""Bounded concurrency: so many at work, so many waiting in order, the others shed at once."""

from __future__ import annotations

import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit.stubs.behaviour import behaviour, call
from tests.kit.stubs.conforming import until
from tests.kit.stubs.process import Answer
from tests.kit.stubs.scripted_upstream import Reply

pytestmark = pytest.mark.e2e


@pytest.fixture
def held(start, upstream):
    """A stub (two at work, two waiting) whose upstream answers when told, and a pool of clients."""
    a, release = upstream(), threading.Event()
    a.script(Reply(hold=release))
    limits = {"limit": 2, "queue": 2, "shed": 429}
    stub = start(behaviour(call("a", path="/held"), concurrency=limits), {"a": a})
    with ThreadPoolExecutor(16) as clients:
        yield stub, a, release, clients
        release.set()


def work(stub, a, clients):
    """Send the two requests that are at work from then on."""
    sent = [clients.submit(stub.get, tag=f"r{number}") for number in range(2)]
    until(lambda: len(a.seen) == 2)
    return sent


def queue(stub, count=2, name="waits"):
    """Send one more request than the queue has places left; return those that wait and the answer of the one shed.

    Nothing but that answer tells that the others are in the queue.
    """
    sent = [stub.connect() for _ in range(count + 1)]
    for connection in sent:
        connection.request("GET", "/", headers={"baggage": f"tb.id={name}"})
    (first, *_) = select.select([one.sock for one in sent], [], [], 60)[0]
    (shed,) = [one for one in sent if one.sock is first]
    return [one for one in sent if one is not shed], received(shed)


def leave(connection):
    """Leave, and wait until the stub has noticed."""
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.sock.recv(1) == b""
    connection.close()


def received(connection):
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text, 0)


def test_what_exceeds_limit_and_queue_is_shed_at_once(held):
    stub, a, release, clients = held
    sent = work(stub, a, clients)
    waiting, shed = queue(stub)
    assert stub.get().status == 429
    assert shed.status == 429
    assert shed.headers["x-testbed-shed"] == "1"
    assert shed.headers["content-type"] == "application/json"
    assert shed.body == {"service": "shop", "replica": "shop-1", "status": 429, "error": "shed"}
    assert stub.get("/healthz").text == b"ok"  # outside all limits
    assert len(a.seen) == 2
    release.set()
    answers = [*(one.result() for one in sent), *map(received, waiting)]
    assert [one.status for one in answers] == [200] * 4
    assert not any("x-testbed-shed" in one.headers for one in answers)
    assert stub.get().status == 200


def test_who_waits_comes_after_who_is_at_work_in_order(start, upstream):
    a, release = upstream(), threading.Event()
    a.script(Reply(hold=release))
    stub = start(behaviour(call("a"), concurrency={"limit": 1, "queue": 2, "shed": 429}), {"a": a})
    with ThreadPoolExecutor(1) as clients:
        sent = clients.submit(stub.get)
        until(lambda: a.seen)
        (first, other), _ = queue(stub, name="first")
        leave(other)
        (second,), _ = queue(stub, 1, name="second")
        release.set()
        assert [sent.result().status, received(first).status, received(second).status] == [200] * 3
    assert [seen.headers["baggage"] for seen in a.seen[1:]] == ["tb.id=first", "tb.id=second"]


def test_never_more_at_work_than_the_limit(start, upstream):
    a = upstream()
    meet = Reply(meet=threading.Barrier(3))  # so many are at work at once
    a.script(meet, meet, meet, Reply(after_ms=15))
    limits = {"limit": 3, "queue": 100, "shed": 503}
    stub = start(behaviour(call("a"), concurrency=limits), {"a": a})
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: stub.get(), range(30)))
    assert [answer.status for answer in answers] == [200] * 30
    changes = sorted([(seen.at, 1) for seen in a.seen] + [(at, -1) for at in a.ended])
    at_once = [sum(change for _, change in changes[: n + 1]) for n in range(len(changes))]
    assert max(at_once) == 3


def test_without_a_queue_the_next_is_shed(start, upstream):
    a, release = upstream(), threading.Event()
    a.script(Reply(hold=release))
    stub = start(behaviour(call("a"), concurrency={"limit": 1, "queue": 0, "shed": 503}), {"a": a})
    with ThreadPoolExecutor(1) as clients:
        first = clients.submit(stub.get)
        until(lambda: a.seen)
        assert [stub.get().status for _ in range(3)] == [503] * 3
        release.set()
        assert first.result().status == 200
    assert stub.get().status == 200


def test_a_client_that_leaves_the_queue_leaves_its_place(held):
    stub, a, release, clients = held
    sent = work(stub, a, clients)
    for waiting in queue(stub)[0]:
        leave(waiting)
    late, shed = queue(stub)
    assert shed.status == 429
    release.set()
    assert [one.status for one in (*(one.result() for one in sent), *map(received, late))] == [200] * 4
    assert len(a.seen) == 4  # nobody called for those who had left


def test_a_client_that_leaves_at_work_frees_its_place(held):
    stub, a, release, clients = held
    working = [stub.raw() for _ in range(2)]
    for sock in working:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    until(lambda: len(a.seen) == 2)
    for sock in working:
        sock.close()
    until(lambda: a.left.is_set())
    sent = [clients.submit(stub.get) for _ in range(2)]
    until(lambda: len(a.seen) == 4)
    release.set()
    assert [one.result().status for one in sent] == [200] * 2
