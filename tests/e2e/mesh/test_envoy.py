"""The sidecar: policies have their effect on the real Envoy, and its log says exactly what was tried."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from testbed.experiment.sources import logs
from testbed.faults.operations import LinkDown, Toxic
from testbed.history.events import Attempt, Call, Evidence
from tests.kit.plane_apps import App, Conversation, hello, never
from tests.kit.planes import Got, Row, Stage, ask, at_once, counters, crowd, meeting, stage, until_ejected
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

ROW = Row()
RETRYING = ROW.callee(2, retries={"attempts": 2, "perTryTimeout": "30s", "retryOn": ["5xx", 418], "backoff": "20ms"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One callee, no policy at all."""
    with stage(tmp_path_factory.mktemp("plain") / "run") as made:
        yield made


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Callees under policies."""
    with stage(tmp_path_factory.mktemp("row") / "run", callees=ROW.callees) as made:
        yield made


@pytest.fixture
def one(row: Stage, request: pytest.FixtureRequest) -> Stage:
    """The callee that is under the policy of the test."""
    return row.at(request.param)


@pytest.fixture
def retrying(row: Stage) -> Stage:
    """Two replicas, two retries on errors."""
    return row.at(RETRYING)


def attempts(one: Stage, request: str) -> list[Attempt]:
    return [event for event in one.seen() if isinstance(event, Attempt) and event.request == request]


def calls(one: Stage, request: str) -> list[Call]:
    return [event for event in one.seen() if isinstance(event, Call) and event.request == request]


def proxied(one: Stage, host: str, path: str = "/") -> Got:
    """An absolute-form request to the HTTP_PROXY listener."""
    return ask(f"{one.caller.address}:4140", f"http://{host}{path}", "GET", None, {"Host": host})


# -- ways in


def test_both_ways_in_lead_to_the_callee(plain: Stage) -> None:
    seen: list[str] = []
    plain.behave(lambda talk: (seen.append(talk.target), talk.answer())[1])
    assert proxied(plain, "callee", "/a?b").status == 200
    assert proxied(plain, "callee:8080", "/c").status == 200
    assert plain.get("/d", Host="callee").status == 200
    assert ask(f"{plain.caller.address}:4140", "/e", "GET", None, {"Host": "callee"}).status == 200
    assert seen == ["/a?b", "/c", "/d", "/e"]


def test_an_unknown_host_is_told_so_with_the_known_ones(plain: Stage) -> None:
    got = proxied(plain, "princing")
    assert got.status == 404
    assert got.body == b"unknown service princing; this proxy has routes for callee\n"


def test_connections_come_from_the_replicas_own_address(plain: Stage) -> None:
    peers: list[str] = []
    plain.toxi.apply(LinkDown(plain.links[0].name))
    app = App(plain.links[0].listen, lambda talk: (peers.append(talk.socket.getpeername()[0]), talk.answer())[1])
    try:
        assert plain.get().status == 200
        assert peers == [plain.caller.address]
    finally:
        app.close()
        plain.toxi.undo(LinkDown(plain.links[0].name))


def test_an_apps_own_retry_header_counts_even_if_it_hands_on_a_forwarded_for(plain: Stage) -> None:
    plain.behave(lambda talk: talk.answer(503))
    plain.forget()
    plain.get(x_envoy_retry_on="5xx", x_envoy_max_retries="1", x_forwarded_for="203.0.113.9, 10.0.0.1")
    assert [line[0] for line in plain.tries()] == ["attempt", "attempt", "call"]


def test_a_request_gets_an_id_if_it_has_none_and_keeps_its_own(plain: Stage) -> None:
    heads: list[str] = []
    plain.behave(lambda talk: (heads.append(talk.head.decode()), talk.answer())[1])
    plain.get()
    plain.get(x_request_id="mine-1")
    assert "x-request-id: " in heads[0]
    assert "x-request-id: mine-1\r\n" in heads[1]


# -- without a policy


def test_without_a_policy_errors_are_neither_retried_nor_ejected(plain: Stage) -> None:
    plain.behave(lambda talk: talk.answer(503))
    plain.forget()
    assert {plain.get().status for _ in range(8)} == {503}
    assert plain.tries() == [("attempt", 503, "-", None), ("call", 503, "-", 1)] * 8


def test_without_a_policy_many_at_once_are_all_served(plain: Stage) -> None:
    together = meeting(60)
    plain.behave(lambda talk: (together(), talk.answer())[1])
    assert {got.status for got in at_once(60, plain.get)} == {200}


# -- policies


@ROW.under(timeout="150ms")
def test_a_timeout_covers_the_call(one: Stage) -> None:
    one.behave(never)
    got = one.get(baggage="tb.id=r1")
    assert (got.status, got.ms >= 135) == (504, True)
    (attempt,), (call,) = attempts(one, "r1"), calls(one, "r1")
    assert (attempt.status, attempt.flags) == (0, "UT")
    assert (call.status, call.flags, call.attempts) == (504, "UT", 1)
    assert call.duration_ms >= 135


def test_retries_go_to_the_other_replica_and_then_stop(retrying: Stage) -> None:
    retrying.behave(lambda talk: talk.answer(500))
    assert retrying.get(baggage="tb.id=all-bad").status == 500
    tried = attempts(retrying, "all-bad")
    assert [attempt.number for attempt in tried] == [1, 2, 3]
    assert tried[0].callee != tried[1].callee
    assert [call.attempts for call in calls(retrying, "all-bad")] == [3]
    assert {attempt.call for attempt in tried} == {calls(retrying, "all-bad")[0].call}


def test_a_status_in_retry_on_is_retried_and_others_are_not(retrying: Stage) -> None:
    for status, tries in ((418, 3), (404, 1), (429, 1)):
        retrying.behave(lambda talk, status=status: talk.answer(status))
        assert retrying.get(baggage=f"tb.id=status-{status}").status == status
        assert len(attempts(retrying, f"status-{status}")) == tries


def test_a_retry_heals_one_bad_replica(retrying: Stage) -> None:
    retrying.behave(hello)
    retrying.app.handler = lambda talk: talk.answer(503)
    assert {retrying.get(baggage=f"tb.id=heal-{n}").status for n in range(10)} == {200}
    assert {
        attempt.callee for n in range(10) for attempt in attempts(retrying, f"heal-{n}") if attempt.status == 503
    } == {retrying.callees[0].name}


def test_the_try_has_its_own_start_and_duration(retrying: Stage) -> None:
    """Two tries that time out after 200 ms each (or more, on a slow machine) and one that answers after 50 ms."""

    def third_time_lucky(talk: Conversation) -> bool | None:
        if any(b"x-envoy-attempt-count: %d\r\n" % number in talk.head for number in (1, 2)):
            return never(talk)
        time.sleep(0.05)
        return hello(talk)

    retrying.behave(third_time_lucky)
    before, policy = time.time(), {"x_envoy_upstream_rq_per_try_timeout_ms": "200", "x_envoy_max_retries": "50"}
    assert retrying.get(baggage="tb.id=timing", **policy).status == 200
    *given_up, last = tried = attempts(retrying, "timing")
    (call,) = calls(retrying, "timing")
    assert len(given_up) >= 2
    assert {(attempt.flags, attempt.duration_ms >= 180) for attempt in given_up} == {("UT", True)}
    assert (last.flags, last.duration_ms >= 35) == ("", True)
    assert before <= call.start <= tried[0].start
    for earlier, later in pairwise(tried):
        assert earlier.start + earlier.duration_ms / 1000 <= later.start
    assert call.duration_ms >= sum(attempt.duration_ms for attempt in tried)


def test_refused_links_are_attempts_too(retrying: Stage) -> None:
    for link in retrying.links:
        retrying.toxi.apply(LinkDown(link.name))
    try:
        assert retrying.get(baggage="tb.id=refused").status == 503
    finally:
        retrying.mend_links()
    tried = attempts(retrying, "refused")
    assert [(attempt.number, attempt.status, attempt.flags) for attempt in tried] == [(n, 0, "UF") for n in (1, 2, 3)]
    assert {attempt.callee for attempt in tried} == {callee.name for callee in retrying.callees}


def test_more_retries_at_once_than_envoys_own_limit_of_three(retrying: Stage) -> None:
    """All twelve fail once they are all there, and all of their retries are there at once as well."""
    together = meeting(12)
    retrying.behave(lambda talk: (together(), talk.answer(500))[1])
    at_once(12, lambda: retrying.get(baggage="tb.id=crowd"))
    assert [call.attempts for call in calls(retrying, "crowd")] == [3] * 12


@ROW.under(circuitBreaker={"maxRequests": 2})
def test_a_breaker_sheds_what_is_too_much(one: Stage) -> None:
    with crowd(one, 6) as got:
        eventually(lambda: sum(counters(one, "pending_overflow|active_overflow").values()) == 4)
    assert sorted(answer.status for answer in got) == [200, 200, 503, 503, 503, 503]
    found = sorted((call.flags, call.attempts, call.refused) for call in calls(one, one.request))
    assert found == [("", 1, False)] * 2 + [("UO", 0, True)] * 4
    assert len(attempts(one, one.request)) == one.app.seen == 2


@ROW.under(
    outlierDetection={
        "consecutive5xxErrors": 2,
        "maxEjectionPercent": 100,
        "interval": "500ms",
        "baseEjectionTime": "600s",
    }
)
def test_ejections_hold_and_a_call_without_host_has_no_attempt(one: Stage) -> None:
    one.behave(lambda talk: talk.answer(500))
    assert [one.get().status for _ in range(2)] == [500, 500]
    until_ejected(one)
    assert [one.get().status for _ in range(3)] == [503, 503, 503]
    seen = calls(one, one.request)
    assert [(call.flags, call.attempts) for call in seen] == [("", 1)] * 2 + [("UH", 0)] * 3
    assert len(attempts(one, one.request)) == one.app.seen == 2


@ROW.under(
    retries={"attempts": 9, "retryOn": ["5xx"], "backoff": {"base": "100ms", "max": "200ms"}},
    outlierDetection={"consecutive5xxErrors": 1, "maxEjectionPercent": 100},
)
def test_a_retry_that_finds_no_host_is_not_an_attempt(one: Stage) -> None:
    one.behave(lambda talk: talk.answer(500))
    assert one.get().status == 503
    tried = attempts(one, one.request)
    assert [call.attempts for call in calls(one, one.request)] == [len(tried)]
    assert len(tried) < 10  # one, unless a retry comes before the worker has heard of the ejection


# -- evidence


def test_a_lost_context_is_seen_as_such(plain: Stage) -> None:
    plain.behave(hello)
    plain.recorder.begin()
    plain.get(baggage="other=1")
    assert {event.request for event in plain.seen()} == {""}


def test_a_caller_that_goes_away_leaves_a_try_that_gave_up(plain: Stage) -> None:
    arrived = threading.Event()
    plain.behave(lambda talk: (arrived.set(), never(talk))[1])
    caller = http.client.HTTPConnection(plain.door)
    caller.request("GET", "/", headers={"baggage": "tb.id=gone"})
    assert arrived.wait(60)
    caller.close()
    eventually(lambda: calls(plain, "gone"))
    (attempt,), (call,) = attempts(plain, "gone"), calls(plain, "gone")
    assert (attempt.status, attempt.flags, attempt.call) == (0, "DC", call.call)
    assert (call.status, call.flags) == (0, "DC")


def test_the_tries_of_a_call_are_written_before_it(retrying: Stage) -> None:
    retrying.behave(lambda talk: talk.answer(500))
    retrying.forget()
    for _ in range(5):
        retrying.get()
    assert [line[0] for line in retrying.tries()] == ["attempt", "attempt", "attempt", "call"] * 5


def test_evidence_is_complete_when_everything_is_over(retrying: Stage) -> None:
    assert retrying.recorder is not None
    retrying.behave(lambda talk: talk.answer(200))
    retrying.recorder.begin()
    at_once(10, lambda: retrying.get(baggage="tb.id=many"))
    retrying.control.set([])
    events = retrying.recorder.collect()
    verdicts = [event for event in events if isinstance(event, Evidence)]
    assert [(verdict.source, verdict.complete) for verdict in verdicts] == [
        ("attempts", True),
        ("calls", True),
        ("arrivals", True),
    ]
    assert {kind: sum(event.type == kind for event in events) for kind in ("attempt", "call", "arrival")} == {
        "attempt": 10,
        "call": 10,
        "arrival": 10,
    }


def test_evidence_says_what_is_still_in_flight(plain: Stage) -> None:
    assert plain.recorder is not None
    plain.recorder.begin()
    plain.toxi.apply(Toxic(plain.links[0].name, "timeout", "downstream", {"timeout": 0}))
    waiting = threading.Thread(target=plain.get)
    waiting.start()
    try:
        eventually(lambda: counters(plain, "upstream_rq_active$")["upstream_rq_active"])
        found = lambda: [one for one in plain.recorder.collect(in_flight=True) if one.type == "call"]  # noqa: E731
        eventually(lambda: [one.outcome for one in found()] == ["in_flight"])  # it is on record every 500 ms
    finally:
        plain.mend_links()
        waiting.join()


def test_a_restarted_sidecar_begins_at_zero_and_is_still_complete(folder: Path) -> None:
    with stage(folder) as one:
        assert one.recorder is not None
        one.get(baggage="tb.id=before")
        assert len(calls(one, "before")) == 1
        one.runtime.restart_all(["caller-1/proxy"])
        one.recorder.restarted(["caller-1/proxy"])
        one.recorder.begin()
        one.get(baggage="tb.id=after")
        events = one.recorder.collect()
        assert [event.request for event in events if isinstance(event, Call)] == ["after"]
        assert all(event.complete for event in events if isinstance(event, Evidence))


def test_a_log_that_lost_lines_is_not_complete(folder: Path) -> None:
    with stage(folder) as one:
        assert one.recorder is not None
        one.recorder.begin()
        one.get()
        assert one.seen()  # both logs are whole now
        (folder / "caller-1/mesh.log").write_text("")
        one.recorder = type(one.recorder)(logs(one.plan), folder, patience_s=0.3)
        verdicts = {event.source: event for event in one.recorder.collect() if isinstance(event, Evidence)}
        assert verdicts["calls"].missing == "caller-1/proxy: 0 of 1 requests logged"
        assert verdicts["calls"].edges == ("caller -> callee",)
        assert verdicts["arrivals"].complete
