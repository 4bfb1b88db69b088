"""The proof that the inlet is transparent: everything that an app, a link or a client can do looks the same without it.

Each case runs on two stages that differ in nothing but the inlet: caller -> sidecar -> link -> [inlet ->] app.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.faults.operations import Blackhole, LinkDown, Toxic
from testbed.history.events import Arrival
from tests.kit.inlet_apps import (
    BIG,
    BROKEN,
    BROKEN_IN_THE_ANSWER,
    HANDLERS,
    closing_in_the_head,
    closing_without_answer,
    reporting,
    resetting_without_answer,
)
from tests.kit.plane_apps import Conversation, Handler, hello, never
from tests.kit.planes import PATIENCE_S, Got, Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

LINK = "caller-1--callee-1"
RETRIES = {"attempts": 2, "perTryTimeout": "20s", "retryOn": ["connect-failure", "reset"], "backoff": "1ms"}
POLICY = {"timeout": f"{PATIENCE_S}s", "retries": RETRIES}
IMPATIENT = {"x_envoy_upstream_rq_per_try_timeout_ms": "150"}  # where no answer ever comes
NEARLY_MS = 400  # what two machines may differ that do the same


@dataclass
class Twins:
    """The same stage twice."""

    with_inlet: Stage
    without: Stage

    @property
    def both(self) -> tuple[Stage, Stage]:
        return self.with_inlet, self.without

    def compare(self, act: Callable[[Stage], Got]) -> Got:
        """Do the same on both, and demand that caller and sidecar have seen the same; return what that was."""
        eventually(lambda: self._compare(act), PATIENCE_S)
        return self.seen

    def _compare(self, act: Callable[[Stage], Got]) -> bool:
        """Whether it took as long on both: what was slow only because the machine was is done again."""
        self.with_inlet.forget()
        self.without.forget(self.with_inlet.request)
        with ThreadPoolExecutor(2) as pool:
            seen = list(pool.map(act, self.both))
        logged = [one.tries() for one in self.both]
        assert logged[0] == logged[1]
        assert _essence(seen[0]) == _essence(seen[1])
        self.seen, self.logged = seen[0], logged[0]
        return seen[0].ms < seen[1].ms + NEARLY_MS


def _essence(got: Got) -> tuple[object, ...]:
    varying = {"date", "x-envoy-upstream-service-time"}
    return got.status, got.body, got.broken, [(k, v) for k, v in got.headers if k not in varying]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder: Path = tmp_path_factory.mktemp("twins")
    with (
        stage(folder / "with", policy=POLICY) as first,
        stage(folder / "without", policy=POLICY, inlet=False) as second,
    ):
        yield Twins(first, second)


@pytest.fixture
def twins(started: Twins) -> Twins:
    """The stages with open links, living apps and warm connection pools."""
    for one in started.both:
        one.mend_links()
        one.behave(hello)
        for app in one.apps.values():
            app.thaw()
        assert one.get().status == 200
    return started


def arrivals(one: Stage) -> list[Arrival]:
    """What the inlet has logged of the requests since the last `forget`."""
    return [event for event in one.seen() if isinstance(event, Arrival) and event.request == one.request]


@pytest.mark.parametrize("handler", HANDLERS)
def test_answers(twins: Twins, handler: Handler) -> None:
    for one in twins.both:
        one.behave(handler)
    got = twins.compare(lambda one: one.get(Host="callee", x_request_id="r-1"))
    assert got.status in range(200, 600)
    assert not got.broken
    assert len(twins.logged) == 2  # one try, one call: an error status is the app's answer, which `reset` never retries


@pytest.mark.parametrize("handler", BROKEN)
def test_an_app_that_breaks_off_before_its_answer_is_retried(twins: Twins, handler: Handler) -> None:
    for one in twins.both:
        one.behave(handler)
    got = twins.compare(lambda one: one.get())
    assert got.status == 503
    assert twins.logged == [("attempt", 0, "UC", None)] * 3 + [("call", 503, "URX,UC", 3)]


@pytest.mark.parametrize("handler", BROKEN_IN_THE_ANSWER)
def test_an_app_that_breaks_off_in_its_answer_is_not_retried(twins: Twins, handler: Handler) -> None:
    for one in twins.both:
        one.behave(handler)
    got = twins.compare(lambda one: one.get())
    assert got.status == 200
    assert got.broken
    assert [line[0] for line in twins.logged] == ["attempt", "call"]


def test_an_app_that_never_answers(twins: Twins) -> None:
    for one in twins.both:
        one.behave(never)
    assert twins.compare(lambda one: one.get(**IMPATIENT)).status == 504
    assert [line[:3] for line in twins.logged] == [("attempt", 0, "UT")] * 3 + [("call", 504, "URX,UT")]


def test_an_app_that_is_stopped(twins: Twins) -> None:
    for app in (app for one in twins.both for app in one.apps.values()):
        app.freeze()
    assert twins.compare(lambda one: one.get(**IMPATIENT)).status == 504
    assert [line[:3] for line in twins.logged] == [("attempt", 0, "UT")] * 3 + [("call", 504, "URX,UT")]


def test_an_app_that_is_dead_behind_an_open_link(twins: Twins) -> None:
    for app in (app for one in twins.both for app in one.apps.values()):
        app.close()
    try:
        assert twins.compare(lambda one: one.get()).status == 503
        assert twins.logged == [("attempt", 0, "UC", None)] * 3 + [("call", 503, "URX,UC", 3)]
    finally:
        for one in twins.both:
            one.revive()


@pytest.mark.parametrize(
    ("operation", "status", "flags"),
    [
        pytest.param(LinkDown(LINK), 503, "UF", id="refused"),
        pytest.param(Toxic(LINK, "limit_data", "downstream", {"bytes": 0}), 503, "UC", id="truncated to nothing"),
        pytest.param(Toxic(LINK, "reset_peer", "downstream", {"timeout": 0}), 503, "UC", id="reset"),
        pytest.param(Toxic(LINK, "timeout", "upstream", {"timeout": 0}), 504, "UT", id="silent"),
        pytest.param(Toxic(LINK, "timeout", "downstream", {"timeout": 0}), 504, "UT", id="silent answers"),
        pytest.param(Toxic(LINK, "timeout", "downstream", {"timeout": 50}), 503, "UC", id="cut off"),
    ],
)
@pytest.mark.parametrize("warm", [True, False], ids=["pooled", "new"])
def test_broken_links(twins: Twins, operation: LinkDown | Toxic, status: int, flags: str, warm: bool) -> None:
    for one in twins.both:
        if not warm:
            one.toxi.apply(LinkDown(LINK))
            one.toxi.undo(LinkDown(LINK))
        one.toxi.apply(operation)
    patience = IMPATIENT if flags == "UT" else {}
    assert twins.compare(lambda one: one.get(**patience)).status == status
    assert twins.logged == [("attempt", 0, flags, None)] * 3 + [("call", status, f"URX,{flags}", 3)]


def test_an_unreachable_link_costs_the_whole_time_out_because_a_try_is_timed_from_its_connection_on(
    twins: Twins,
) -> None:
    for one in twins.both:
        one.toxi.apply(Blackhole(LINK))
    got = twins.compare(lambda one: one.get(**IMPATIENT, x_envoy_upstream_rq_timeout_ms="500"))
    assert (got.status, got.ms >= 485) == (504, True)
    assert twins.logged == [("attempt", 0, "-", None), ("call", 504, "UT", 1)]
    for one in twins.both:
        one.toxi.undo(Blackhole(LINK))
        one.until_well()


def test_slow_links(twins: Twins) -> None:
    """Each answer is late, and no connection is made more slowly."""
    for one in twins.both:
        one.toxi.apply(Toxic(LINK, "latency", "downstream", {"latency": 100}))
    took = [twins.compare(lambda one: one.get()).ms]
    eventually(lambda: took.append(twins.compare(lambda one: one.get()).ms) or min(took) < 195)
    assert min(took) >= 100


@pytest.mark.parametrize(
    ("method", "body"),
    [("HEAD", None), ("POST", b"x" * 10), ("POST", BIG[:1_000_000]), ("PUT", b""), ("DELETE", None), ("OPTIONS", None)],
    ids=["HEAD", "POST", "POST-big", "PUT-empty", "DELETE", "OPTIONS"],
)
def test_methods_and_bodies(twins: Twins, method: str, body: bytes | None) -> None:
    for one in twins.both:
        one.behave(reporting)
    got = twins.compare(lambda one: one.get("/a/b?c=d", method, body, Host="callee", x_request_id="r-1"))
    assert got.status == 200
    assert got.body.startswith(method.encode() if method != "HEAD" else b"")
    assert got.body.endswith(body or b"")


def test_the_apps_own_envoy_headers_reach_the_app_as_they_do_without_an_inlet(twins: Twins) -> None:
    for one in twins.both:
        one.behave(reporting)
    got = twins.compare(
        lambda one: one.get(
            Host="callee",
            x_request_id="r-1",
            x_forwarded_for="10.0.0.1, 10.0.0.2",
            x_forwarded_proto="https",
            TE="trailers",
        )
    )
    head = got.body.decode()
    assert "x-envoy-attempt-count: 1" in head
    assert "x-envoy-expected-rq-timeout-ms: 20000" in head
    assert "x-forwarded-proto: https" in head
    assert "x-testbed" not in head


# -- without a sidecar: a plain client's bytes, as where the mesh is `none`


def talk_raw(address: str, request: bytes, until: bytes, more: Callable[[socket.socket], None] | None = None) -> bytes:
    ip, _, port = address.rpartition(":")
    with socket.create_connection((ip, int(port)), timeout=PATIENCE_S) as client:
        client.sendall(request)
        if more is not None:
            more(client)
        got = b""
        while until not in got and (data := client.recv(65536)):
            got += data
    return got


def _lines(text: bytes) -> list[bytes]:
    """Sorted: Envoy keeps headers and their case, not their order."""
    return sorted(line for line in text.split(b"\r\n") if not line.lower().startswith(b"date:"))


def test_a_plain_clients_headers_keep_their_case_and_get_no_company(twins: Twins) -> None:
    heads: list[bytes] = []

    def remembering(talk: Conversation) -> None:
        heads.append(talk.head)
        talk.send(b"HTTP/1.1 200 Fine\r\nSERVER: App\r\nX-OdD: 1\r\nVia: 1.1 x\r\nContent-Length: 3\r\n\r\nend")

    request = b"GET /x?y HTTP/1.1\r\nHost: callee\r\nX-MiXeD: A\r\nAccept: */*\r\nx-envoy-attempt-count: 2\r\n\r\n"
    answers = []
    for one in twins.both:
        one.behave(remembering)
        answers.append(talk_raw(one.links[0].listen, request, b"end"))
    assert _lines(heads[0]) == _lines(heads[1]) == _lines(request)
    assert _lines(answers[0]) == _lines(answers[1])


def test_expect_continue_is_the_apps_business(twins: Twins) -> None:
    heads: list[bytes] = []

    def remembering(talk: Conversation) -> None:
        heads.append(talk.head)
        talk.answer(200, b"got " + talk.body)

    def body_after_the_invitation(client: socket.socket) -> None:
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(b"body")

    request = b"POST / HTTP/1.1\r\nHost: callee\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    for one in twins.both:
        one.behave(remembering)
        assert talk_raw(one.links[0].listen, request, b"got body", body_after_the_invitation).endswith(b"got body")
    assert _lines(heads[0]) == _lines(heads[1])


def test_trailers_pass(twins: Twins) -> None:
    def trailing(talk: Conversation) -> None:
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n")

    request = b"GET / HTTP/1.1\r\nHost: callee\r\nTE: trailers\r\n\r\n"
    for one in twins.both:
        one.behave(trailing)
        assert b"\r\nx-sum: 7\r\n\r\n" in talk_raw(one.links[0].listen, request, b"x-sum: 7\r\n\r\n")


def test_chunked_requests_and_many_large_headers_pass(twins: Twins) -> None:
    large = b"".join(b"X-Large-%d: %s\r\n" % (n, b"v" * 1000) for n in range(150))
    request = b"POST / HTTP/1.1\r\nHost: callee\r\nTransfer-Encoding: chunked\r\n" + large
    for one in twins.both:
        one.behave(lambda talk: talk.answer(200, b"%d %s" % (talk.head.count(b"X-Large"), talk.body)))
        got = talk_raw(one.links[0].listen, request + b"\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef")
        assert got.endswith(b"150 abcdef")


# -- what cannot be made the same


def test_an_answer_that_is_not_http_is_the_inlets_own_502(twins: Twins) -> None:
    for one in twins.both:
        one.behave(lambda talk: talk.send(b"garbage\r\n\r\n"))
    for one in twins.both:
        one.forget()
    assert [one.get().status for one in twins.both] == [502, 502]
    flags = [{line[2] for line in one.tries() if line[0] == "attempt"} for one in twins.both]
    assert flags == [{"-"}, {"UPE"}]  # retried only without the inlet
    (arrival,) = arrivals(twins.with_inlet)
    assert (arrival.status, arrival.flags, arrival.own) == (502, "UPE", True)


def test_a_head_that_is_cut_off_is_the_inlets_own_502_too(twins: Twins) -> None:
    for one in twins.both:
        one.behave(closing_in_the_head)
    twins.with_inlet.forget()
    assert [one.get().status for one in twins.both] == [502, 502]
    (arrival,) = arrivals(twins.with_inlet)
    assert arrival.own


def test_what_is_logged_of_a_dead_app_is_our_own(twins: Twins) -> None:
    one = twins.with_inlet
    one.apps["callee-1"].close()
    one.get()  # the sidecar may still have a connection that ended with the app
    try:
        one.forget()
        one.get()
        assert [(a.status, a.flags, a.own) for a in arrivals(one)] == [(0, "UF", True)] * 3
    finally:
        one.revive()


def test_what_is_logged_of_an_app_that_breaks_off_is_its_own_doing(twins: Twins) -> None:
    one = twins.with_inlet
    for handler, was_reset in ((resetting_without_answer, True), (closing_without_answer, False)):
        one.behave(handler)
        one.forget()
        one.get()
        assert [(a.status, a.flags, a.own, a.reset) for a in arrivals(one)] == [(0, "UC", False, was_reset)] * 3
