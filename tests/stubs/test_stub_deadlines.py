"""What a stub that is told of deadlines does for callers that will not wait for ever, and one that is not."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit.stubs.behaviour import behaviour, call, static
from tests.kit.stubs.conforming import until
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e
HEADER = "x-timeout-ms"
ENVOYS = "x-envoy-expected-rq-timeout-ms"


def work(ms):
    return {"0": ms, "100": ms}


@pytest.mark.parametrize("header", [HEADER, ENVOYS])
def test_what_is_left_is_handed_on(start, upstream, header):
    a = upstream()
    stub = start(behaviour(call("a"), work=work(100), deadline=header), {"a": a})
    assert stub.get(**{header.replace("-", "_"): "60000"}).status == 200
    (seen,) = a.seen
    left = {name.lower(): value for name, value in seen.headers.items()}[header]
    assert 0 < int(left) <= 59_900


def test_no_call_is_made_when_nobody_waits_any_more(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), work=work(400), deadline=HEADER), {"a": a})
    answer = stub.get(x_timeout_ms="250")
    assert (answer.status, answer.body["error"]) == (503, "a: deadline")
    assert (a.seen, answer.body["calls"][0]["tries"]) == ([], 0)


def test_no_work_is_begun_when_nobody_waits_any_more(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), work=work(100), deadline=HEADER), {"a": a})
    answer = stub.get(x_timeout_ms="0")
    assert (answer.status, answer.body) == (
        504,
        {"service": "shop", "replica": "shop-1", "status": 504, "error": "deadline"},
    )
    assert a.seen == []


def test_a_request_whose_time_runs_out_in_the_queue_is_not_worked_on(start, upstream):
    a, release = upstream(), threading.Event()
    a.script(Reply(hold=release))
    limit = {"limit": 1, "queue": 1, "shed": 503}
    stub = start(behaviour(call("a"), deadline=HEADER, concurrency=limit), {"a": a})
    with ThreadPoolExecutor(3) as clients:
        first = clients.submit(stub.get)
        until(lambda: a.seen)
        others = [clients.submit(stub.get, x_timeout_ms="20") for _ in range(2)]
        until(lambda: any(one.done() for one in others))  # that one was shed, so the other is in the queue
        time.sleep(0.05)
        release.set()
        assert sorted(one.result().status for one in others) == [503, 504]
        assert first.result().status == 200
    assert len(a.seen) == 1


def test_it_waits_for_a_call_no_longer_than_its_own_caller(start, upstream):
    a = upstream()
    a.script(SILENCE)
    told = behaviour(call("a", timeout=100_000, retries=3, on_failure=static("x", 1)), deadline=HEADER)
    answer = start(told, {"a": a}).get(x_timeout_ms="500")
    assert answer.ms >= 495
    assert (answer.status, answer.body["answers"]) == (200, {"x": 1})  # a fallback that costs nothing may be in time
    assert (len(a.seen), answer.body["calls"][0]["tries"]) == (1, 1)


def test_a_header_that_is_no_number_is_no_deadline(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), deadline=HEADER), {"a": a})
    for told in ("", "soon", "-5", "1.5"):
        assert stub.get(**({"x_timeout_ms": told} if told else {})).status == 200, told
        assert HEADER not in {name.lower() for name in a.seen[-1].headers}, told


def test_a_stub_that_is_not_told_takes_no_notice(start, upstream):
    a = upstream()
    assert start(behaviour(call("a"), work=work(20)), {"a": a}).get(x_timeout_ms="0").status == 200
    assert len(a.seen) == 1


def test_a_stub_may_go_on_for_a_caller_that_has_left(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), call("a"), work=work(200), hang_up="continue"), {"a": a})
    with stub.raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        time.sleep(0.05)
        sock.shutdown(socket.SHUT_RDWR)
    until(lambda: len(a.seen) == 2)
    assert stub.get().status == 200
