"""gRPC mode: the same behaviour as over HTTP, called by grpcio and calling grpcio, in all three languages."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time

import grpc
import pytest

from tests.kit.stubs.behaviour import behaviour, call, instead, route, stale, static
from tests.kit.stubs.conforming import RUNTIMES, until
from tests.kit.stubs.rpc_client import SILENCE, Reply, RpcUpstream, client

pytestmark = pytest.mark.e2e


@pytest.fixture
def rpc_upstream():
    servers = []

    def made():
        servers.append(RpcUpstream())
        return servers[-1]

    yield made
    for server in servers:
        server.stop()


def served(*steps, **more):
    return behaviour(*steps, protocol="grpc", **more)


def rpc(to, **more):
    return call(to, protocol="grpc", **more)


# -- answers

SAME = {
    200: "OK", 204: "OK", 404: "NOT_FOUND", 418: "UNKNOWN", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
OTHERS = {"POST /reserve": route(status=409), "/slow": route(work={"0": 50, "100": 50})}
PLAIN = served(size=3, routes=OTHERS | {f"/{status}": route(status=status) for status in SAME})


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_call_is_answered_with_what_happened(share):
    with client(share(PLAIN)) as there:
        ended = there.call("/price", x_request_id="r1")
    assert ended.status == "OK"
    named = ("service", "replica", "status", "path", "calls", "fallbacks", "padding")
    assert [ended.body[key] for key in named] == ["shop", "shop-1", 200, "/price", [], [], "xxx"]


def test_the_path_and_the_method_choose_the_route(share):
    with client(share(PLAIN)) as there:
        assert there.call("/reserve", method="POST").status == "ABORTED"
        assert there.call("/reserve").status == "OK"
        slow = there.call("/slow")
    assert slow.body["work"] == 50
    assert slow.ms >= 50


def test_a_status_is_the_grpc_status_that_says_the_same(share):
    with client(share(PLAIN)) as there:
        ends = {status: there.call(f"/{status}") for status in SAME}
    assert {status: ended.status for status, ended in ends.items()} == SAME
    assert {status for status, ended in ends.items() if ended.body is not None} == {200, 204}


def test_an_empty_message_is_get_and_nonsense_is_an_invalid_argument(share):
    with client(share(PLAIN)) as there:
        assert there.call(raw=b"").body["path"] == "/"
        assert there.call(raw=b"{nonsense").status == "INVALID_ARGUMENT"
        assert there.call(to="/testbed.v1.Stub/Cal").status == "UNIMPLEMENTED"


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_messages_of_a_stream_are_answered_one_by_one(share):
    said: queue.Queue[bytes | None] = queue.Queue()
    with client(share(PLAIN)) as there:
        answers = there.stream(iter(said.get, None))
        for number in range(3):
            said.put(json.dumps({"path": f"/{number}"}).encode())
            assert json.loads(next(answers))["path"] == f"/{number}"
        said.put(None)
        assert list(answers) == []
        assert answers.code() is grpc.StatusCode.OK


def test_an_error_ends_a_stream(share):
    with client(share(PLAIN)) as there:
        answers = there.stream(iter([b"{}", b'{"path": "/503"}']))
        assert json.loads(next(answers))["path"] == "/"
        with pytest.raises(grpc.RpcError):
            next(answers)
        assert answers.code() is grpc.StatusCode.UNAVAILABLE


def test_twenty_calls_at_once(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(meet=threading.Barrier(20)))
    with client(start(served(rpc("a")), {"a": a})) as there:
        pending = [there.begin() for _ in range(20)]
        assert [one.code().name for one in pending if one.exception() is None] == ["OK"] * 20


# -- calls


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_it_calls_over_grpc_whatever_it_is_called_in(start, rpc_upstream, protocol):
    a = rpc_upstream()
    stub = start(behaviour(rpc("a", path="/x", method="POST"), protocol=protocol), {"a": a})
    if protocol == "http":
        body = stub.get("/shop", tag="r1", x_secret="1").body
    else:
        with client(stub) as there:
            body = there.call("/shop", baggage="tb.id=r1,tb.user=u1", x_secret="1").body
    assert [(c["to"], c["path"], c["status"], c["tries"]) for c in body["calls"]] == [("a", "/x", 200, 1)]
    (seen,) = a.seen
    assert seen.request == {"method": "POST", "path": "/x"}
    assert "tb.id=r1" in seen.metadata["baggage"]
    assert "x-secret" not in seen.metadata


ERRORS = {
    "NOT_FOUND": 404,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "RESOURCE_EXHAUSTED": 429,
    "UNKNOWN": 500,
}


def test_a_failed_call_has_the_http_status_that_says_the_same(start, rpc_upstream):
    a = rpc_upstream()
    stub = start(behaviour(rpc("a", on_failure={"kind": "fail", "status": 502, "keep": [404, 429]})), {"a": a})
    for error, status in ERRORS.items():
        a.script(Reply(error=error))
        answer = stub.get()
        assert answer.body["calls"][0]["status"] == status, error
        assert answer.status == (status if status in (404, 429) else 502)


def test_a_failure_below_is_told_in_grpcs_words(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(error="INTERNAL"))
    with client(start(served(rpc("a")), {"a": a})) as there:
        ended = there.call()
    assert (ended.status, ended.details) == ("UNAVAILABLE", "a: 500")


def test_it_tries_again_as_often_as_it_is_told(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(error="UNAVAILABLE"), Reply(error="UNAVAILABLE"), Reply())
    answer = start(behaviour(rpc("a", retries=3)), {"a": a}).get()
    assert (answer.status, answer.body["calls"][0]["tries"], len(a.seen)) == (200, 3, 3)


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_timeout_is_the_deadline_of_the_call(start, rpc_upstream):
    a = rpc_upstream()
    a.script(SILENCE)
    answer = start(behaviour(rpc("a", timeout=700)), {"a": a}).get()
    (entry,) = answer.body["calls"]
    assert entry["status"] == 504
    assert entry["ms"] >= 699
    assert a.seen[0].left_s < 1  # grpcio rounds it up, and reads a clock that may be old
    assert a.left.wait(60)


def test_fallbacks(start, rpc_upstream):
    a, b = rpc_upstream(), rpc_upstream()
    a.script(Reply(error="UNAVAILABLE"))
    told = served(rpc("a", on_failure=static("fixed", 5)), rpc("a", on_failure=instead("b-instead", rpc("b"))))
    with client(start(told, {"a": a, "b": b})) as there:
        ended = there.call()
    assert (ended.status, ended.body["answers"]) == ("OK", {"fixed": 5})
    assert ended.body["fallbacks"] == ["fixed", "b-instead"]
    assert ended.metadata["x-testbed-fallback"] == "fixed,b-instead"


def test_a_fallback_below_is_passed_on(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(trailers=(("x-testbed-fallback", "deep"),)))
    answer = start(behaviour(rpc("a")), {"a": a}).get()
    assert answer.headers["x-testbed-fallback"] == "deep"


def test_the_last_good_answer_is_repeated(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(b'{"price": 7}'), Reply(error="UNAVAILABLE"))
    stub = start(behaviour(rpc("a", on_failure=stale("old"))), {"a": a})
    assert stub.get().body["answers"] == {}
    assert stub.get().body["answers"] == {"old": {"price": 7}}


def test_it_balances_over_several_addresses(start, rpc_upstream):
    some = [rpc_upstream(), rpc_upstream()]
    stub = start(behaviour(rpc("a")), {"a": some})
    for _ in range(4):
        assert stub.get().status == 200
    assert [len(one.seen) for one in some] == [2, 2]


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_callee_that_is_not_there_is_unavailable_and_is_called_again_when_it_is(start, rpc_upstream):
    a = rpc_upstream()
    stub = start(behaviour(rpc("a")), {"a": a})
    assert stub.get().status == 200
    a.stop()
    assert stub.get().body["calls"][0]["status"] == 503


# -- deadlines, limits, clients


def test_what_is_left_is_handed_on_and_nothing_is_begun_after_it(start, rpc_upstream):
    a = rpc_upstream()
    told = served(rpc("a"), deadline="grpc-timeout", routes={"/late": route(rpc("a"), work={"0": 300, "100": 300})})
    with client(start(told, {"a": a})) as there:
        assert there.call(timeout_s=60).status == "OK"
        assert 0 < a.seen[0].left_s < 61
        assert there.call("/late", timeout_s=0.15).status == "DEADLINE_EXCEEDED"
    time.sleep(0.4)
    assert len(a.seen) == 1


def test_envoys_header_is_a_deadline_too(start, rpc_upstream):
    a = rpc_upstream()
    header = "x-envoy-expected-rq-timeout-ms"
    with client(start(served(rpc("a"), deadline=header), {"a": a})) as there:
        assert there.call(x_envoy_expected_rq_timeout_ms="0").status == "DEADLINE_EXCEEDED"
        assert there.call(x_envoy_expected_rq_timeout_ms="60000").status == "OK"
    (seen,) = a.seen
    assert 0 < int(seen.metadata[header]) <= 60_000
    assert seen.left_s < 61


def test_what_finds_no_place_is_shed(start, rpc_upstream):
    a, release = rpc_upstream(), threading.Event()
    a.script(Reply(hold=release))
    told = served(rpc("a"), concurrency={"limit": 1, "queue": 0, "shed": 429})
    with client(start(told, {"a": a})) as there:
        first = there.begin()
        until(lambda: a.seen)
        ended = there.call()
        assert (ended.status, ended.metadata["x-testbed-shed"]) == ("RESOURCE_EXHAUSTED", "1")
        release.set()
        assert first.exception() is None


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_it_stops_for_a_client_that_leaves(start, rpc_upstream):
    a = rpc_upstream()
    a.script(SILENCE)
    with client(start(served(rpc("a")), {"a": a})) as there:
        pending = there.begin()
        until(lambda: a.seen)
        pending.cancel()
        assert a.left.wait(60)


def test_the_attempt_log_has_grpcs_statuses(start, rpc_upstream, tmp_path):
    a = rpc_upstream()
    a.script(Reply(error="UNAVAILABLE"), Reply())
    log = tmp_path / "attempts.log"
    start(behaviour(rpc("a", retries=1)), {"a": a}, ATTEMPT_LOG=str(log)).get(tag="r1")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["kind"], one["status"], one["grpc"], one["error"]) for one in lines] == [
        ("try", 200, 14, "UNAVAILABLE"),
        ("try", 200, 0, ""),
        ("call", 200, 0, ""),
    ]


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_sigterm_ends_it_with_0_after_what_was_begun(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(after_ms=300))
    stub = start(served(rpc("a"), grace=60_000), {"a": a})
    with client(stub) as there:
        pending = there.begin()
        until(lambda: a.seen)
        stub.process.send_signal(signal.SIGTERM)
        assert pending.exception() is None
        assert stub.process.wait(30) == 0


def test_reset_makes_it_forget(start, rpc_upstream):
    a = rpc_upstream()
    a.script(Reply(b'{"price": 7}'), Reply(error="UNAVAILABLE"))
    told = served(rpc("a", on_failure=stale("old")), reset="/forget", routes={"POST /forget": route()})
    with client(start(told, {"a": a})) as there:
        there.call()
        assert there.call().body["answers"] == {"old": {"price": 7}}
        assert there.call("/forget", method="POST").status == "OK"
        assert there.call().status == "UNAVAILABLE"
