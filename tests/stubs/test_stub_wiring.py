"""How calls leave: headers, both wirings, balancing, and connections that are kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit.stubs.behaviour import IGNORE, behaviour, call
from tests.kit.stubs.conforming import RUNTIMES, until
from tests.kit.stubs.process import ask
from tests.kit.stubs.scripted_upstream import Reply

pytestmark = pytest.mark.e2e
CONTEXT = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=1",
    "baggage": "tb.id=r1,tb.user=u1;p=q,other=x%20y",
    "x-request-id": "r1",
}
DEADLINE = "x-envoy-expected-rq-timeout-ms"  # the one of the proxies' headers that an app may hand on
OWN = {"host", "connection", "content-length"}


def received(seen):
    return {name.lower(): value for name, value in seen.headers.items()}


def test_context_and_listed_headers_are_forwarded_to_every_try_and_nothing_else(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(500), Reply(200))
    told = behaviour(
        call("a", retries=1),
        call("b", method="POST"),
        forward=["X-Tenant", "x-envoy-max-retries", "x-envoy-expected-rq-timeout-ms"],
    )
    stub = start(told, {"a": a, "b": b})
    other = {
        DEADLINE: "140",
        "x-envoy-max-retries": "9",
        "x-envoy-attempt-count": "3",
        "authorization": "x",
        "x-other": "y",
        "cookie": "z",
    }
    stub.get(**CONTEXT, **{"X-TENANT": "Oslo, øst".replace("ø", "o")}, **other, **{"user-agent": "test"})
    for seen in (*a.seen, *b.seen):
        headers = received(seen)
        assert {name: headers[name] for name in CONTEXT} == CONTEXT
        assert headers["x-tenant"] == "Oslo, ost"
        assert headers[DEADLINE] == "140"
        assert set(headers) - OWN == {*CONTEXT, "x-tenant", DEADLINE}
    assert (len(a.seen), len(b.seen)) == (2, 1)


def test_what_did_not_come_is_not_made_up(start, upstream):
    a = upstream()
    start(behaviour(call("a"), forward=["x-tenant"]), {"a": a}).get(x_request_id="only")
    assert set(received(a.seen[0])) - OWN == {"x-request-id"}


def test_repeated_headers_arrive_joined(start, upstream):
    a = upstream()
    with start(behaviour(call("a")), {"a": a}).raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nbaggage: a=b\r\nBaggage: tb.id=r9\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert received(a.seen[0])["baggage"] == "a=b, tb.id=r9"


def test_wiring_by_listener_names_the_service_in_host(start, upstream):
    a = upstream()
    start(behaviour(call("price-list", path="/p?q=1")), {"price-list": a}).get()
    assert (a.seen[0].target, received(a.seen[0])["host"]) == ("/p?q=1", "price-list")


def test_wiring_by_proxy_sends_absolute_targets_over_shared_connections(start, upstream):
    proxy = upstream()
    told = behaviour(call("price-list", path="/p?q=1"), call("auth", method="POST"), wiring="proxy")
    answer = start(told, HTTP_PROXY=proxy.url).get()
    assert answer.status == 200
    asked = [(seen.method, seen.target, received(seen)["host"]) for seen in proxy.seen]
    assert asked == [("GET", "http://price-list/p?q=1", "price-list"), ("POST", "http://auth/", "auth")]
    assert proxy.connections == 1


def test_the_behaviour_chooses_between_both_wirings(start, upstream):
    proxy, a = upstream(), upstream()
    start(behaviour(call("a")), {"a": a}, HTTP_PROXY=proxy.url).get()
    start(behaviour(call("a"), wiring="proxy"), {"a": a}, HTTP_PROXY=f"{proxy.url}/").get()
    assert ([seen.target for seen in a.seen], [seen.target for seen in proxy.seen]) == (["/"], ["http://a/"])


def test_several_urls_take_turns_try_by_try(start, upstream):
    one, two, three = upstream(), upstream(), upstream()
    two.script(Reply(500))
    stub = start(behaviour(call("a", retries=1)), {"a": [one, two, three]})
    answers = [stub.get() for _ in range(6)]
    assert [answer.body["calls"][0]["tries"] for answer in answers] == [1, 2, 1, 2, 1, 2]
    assert [len(server.seen) for server in (one, two, three)] == [3, 3, 3]
    assert {received(server.seen[0])["host"] for server in (one, two, three)} == {"a"}


def test_turns_are_taken_even_by_calls_at_once(start, upstream):
    servers = [upstream() for _ in range(4)]
    start(behaviour([call("a") for _ in range(20)]), {"a": servers}).get()
    assert [len(server.seen) for server in servers] == [5] * 4


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_connections_are_kept_as_many_as_there_were_at_once(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a")), {"a": a})
    for _ in range(5):
        stub.get()
    assert a.connections == 1
    a.script(Reply(meet=threading.Barrier(8)))
    with ThreadPoolExecutor(8) as clients:
        for _ in range(3):
            assert {answer.status for answer in clients.map(lambda _: stub.get(), range(8))} == {200}
    assert a.connections == 8


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_failed_connection_is_not_kept_but_an_error_status_is_no_reason(start, upstream):
    a = upstream()
    a.script(Reply(500), Reply(200), Reply(ending="cut"), Reply(200))
    stub = start(behaviour(call("a", on_failure=IGNORE)), {"a": a})
    assert [stub.get().body["calls"][0]["status"] for _ in range(4)] == [500, 200, 0, 200]
    assert [seen.connection for seen in a.seen] == [1, 1, 1, 2]


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
@pytest.mark.parametrize("how", ["closed", "reset", "restarted"])
def test_an_idle_connection_that_died_is_noticed_before_it_is_used(start, upstream, how):
    a = upstream()
    stub = start(behaviour([call("a"), call("a"), call("a")]), {"a": a})
    connection = stub.connect()
    for _ in range(15):
        assert [made["status"] for made in ask(connection).body["calls"]] == [200] * 3
        until(lambda: len(a.ended) == len(a.seen))  # an answer is out before its connection is idle
        if how == "restarted":
            a.stop()
            a.start()
        else:
            a.close_connections(reset=how == "reset")
        answer = ask(connection)
        assert [(made["status"], made["tries"]) for made in answer.body["calls"]] == [(200, 1)] * 3
        until(lambda: len(a.ended) == len(a.seen))
    connection.close()
    assert a.connections > 15  # it was never the one that had died
    assert len(a.seen) == 90
