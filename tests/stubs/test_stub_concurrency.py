"""Bounded concurrency: so many at work, so many waiting in order, the others shed at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_upstream import Reply
from stub_behaviour import behaviour, call

pytestmark = pytest.mark.e2e


def until(holds, within_s=10):
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


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


def fill(stub, a, clients, count):
    """Send requests one after the other, so that their order is known; the first two reach the upstream."""
    sent = []
    for number in range(count):
        sent.append(clients.submit(stub.get, tag=f"r{number}"))
        until(lambda sent=sent: len(a.seen) == min(len(sent), 2))
        time.sleep(0.2)  # nothing outside tells that one is in the queue
    return sent


def test_what_exceeds_limit_and_queue_is_shed_at_once(held):
    stub, a, release, clients = held
    sent = fill(stub, a, clients, 4)
    shed = stub.get()
    assert shed.status == 429
    assert shed.headers["x-testbed-shed"] == "1"
    assert shed.headers["content-type"] == "application/json"
    assert shed.body == {"service": "shop", "replica": "shop-1", "status": 429, "error": "shed"}
    assert stub.get("/healthz").text == b"ok"  # outside all limits
    assert len(a.seen) == 2
    release.set()
    assert [one.result(20).status for one in sent] == [200] * 4
    assert all("x-testbed-shed" not in one.result().headers for one in sent)
    assert stub.get().status == 200


def test_the_longest_waiting_comes_next(held):
    stub, a, release, clients = held
    sent = fill(stub, a, clients, 4)
    release.set()
    assert [one.result(20).status for one in sent] == [200] * 4
    tags = [seen.headers["baggage"].split(",")[0] for seen in a.seen]
    assert sorted(tags[:2]) == ["tb.id=r0", "tb.id=r1"]
    assert [seen.at for seen in a.seen] == sorted(seen.at for seen in a.seen)
    assert sorted(tags[2:]) == ["tb.id=r2", "tb.id=r3"]


def test_never_more_at_work_than_the_limit(start, upstream):
    a = upstream()
    a.script(Reply(after_ms=15))
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
        assert first.result(20).status == 200
    assert stub.get().status == 200


def test_a_client_that_leaves_the_queue_leaves_its_place(held):
    stub, a, release, clients = held
    sent = fill(stub, a, clients, 2)
    waiting = [stub.raw() for _ in range(2)]
    for sock in waiting:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    time.sleep(0.4)
    assert stub.get().status == 429
    for sock in waiting:
        sock.close()
    time.sleep(0.4)
    late = [clients.submit(stub.get, tag="late") for _ in range(2)]
    time.sleep(0.4)
    release.set()
    assert [one.result(20).status for one in (*sent, *late)] == [200] * 4
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
    assert [one.result(20).status for one in sent] == [200] * 2
