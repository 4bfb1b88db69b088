"""Every word of a policy does on the real Envoy what docs/policies.md says, its surprise included."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from testbed.faults.operations import LinkDown
from testbed.history.events import Attempt, Call
from tests.kit.plane_apps import Conversation, hello, never
from tests.kit.planes import PATIENCE_S, Row, Stage, counters, crowd, stage, until_ejected
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

ERRORS = {"retryOn": ["5xx"], "backoff": "5ms"}
HEDGING = {"attempts": 1, "perTryTimeout": "200ms", "hedgeOnPerTryTimeout": True}
FOREVER = f"{PATIENCE_S}s"
ROW = Row()


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("policies") / "run", callees=ROW.callees) as made:
        yield made


@pytest.fixture
def one(row: Stage, request: pytest.FixtureRequest) -> Stage:
    """The callee that is under the policy of the test."""
    return row.at(request.param)


def attempts(one: Stage) -> list[Attempt]:
    return [event for event in one.seen() if isinstance(event, Attempt) and event.request == one.request]


def calls(one: Stage) -> list[Call]:
    return [event for event in one.seen() if isinstance(event, Call) and event.request == one.request]


def answering(status: int) -> Callable[[Conversation], None]:
    return lambda talk: talk.answer(status)


def slow(seconds: float) -> Callable[[Conversation], None]:
    return lambda talk: (time.sleep(seconds), talk.answer(200))[1]


# -- retries


def retried(one: Stage, number: int) -> int:
    """Let so many calls fail at once, and all of their retries be under way at once; return how many were made."""
    all_here, all_decided = threading.Barrier(number), threading.Event()

    def failing(talk: Conversation) -> None:
        if b"x-envoy-attempt-count: 1\r\n" in talk.head:
            all_here.wait(PATIENCE_S)
        else:
            all_decided.wait(PATIENCE_S)
        talk.answer(500)

    one.behave(failing)
    with ThreadPoolExecutor(number) as pool:
        for _ in range(number):
            pool.submit(one.get)
        eventually(lambda: sum(counters(one, "upstream_rq_retry$|retry_overflow").values()) == number)
        all_decided.set()
    seen = calls(one)
    assert len(seen) == number
    return sum(call.attempts - 1 for call in seen)


@ROW.under(retries={"attempts": 1, **ERRORS}, retryBudget={"percent": 20, "minRetryConcurrency": 1})
def test_a_budget_bounds_the_retries_that_are_under_way_at_once(one: Stage) -> None:
    """20 fail at once, 20 % of them are 4; without the budget all 20 are retried."""
    made = retried(one, 20)
    found = counters(one, "upstream_rq_retry$|retry_overflow")
    assert 1 <= made <= 5
    assert found == {"upstream_rq_retry": made, "upstream_rq_retry_overflow": 20 - made}


@ROW.under(retries={"attempts": 1, **ERRORS}, retryBudget={"percent": 0, "minRetryConcurrency": 3})
def test_a_budget_always_allows_its_minimum(one: Stage) -> None:
    """Three retries at once are allowed, however few percent that is: a lone caller's storm is not bounded by 0 %."""
    assert retried(one, 12) == 3


@ROW.under(retries={"attempts": 1, **ERRORS}, circuitBreaker={"maxRetries": 3})
def test_max_retries_bounds_the_retries_under_way_and_flags_the_callees_own_answer(one: Stage) -> None:
    """Envoy's own default is 3: written out here, it shows what an unconfigured Envoy does to 12 failures at once."""
    assert retried(one, 12) == 3
    seen = {(call.status, call.flags, call.refused) for call in calls(one)}
    assert seen == {(500, "UO", False), (500, "URX", False)}
    assert counters(one, "retry_overflow") == {"upstream_rq_retry_overflow": 9}


@ROW.under(2, retries={"attempts": 1, **ERRORS, "retryIgnorePreviousHosts": False}, loadBalancer="RANDOM")
def test_without_ignoring_previous_hosts_a_retry_may_meet_the_bad_replica_again(one: Stage) -> None:
    one.app.handler = answering(503)
    statuses = Counter(one.get().status for _ in range(60))
    assert statuses[503] > 2  # a quarter is expected: 15; 0 to 2 of 60 has a chance of 2 in a million


@ROW.under(2, retries={"attempts": 1, **ERRORS, "hostSelectionRetryMaxAttempts": 20}, loadBalancer="RANDOM")
def test_host_attempts_make_a_random_balancer_find_the_good_replica(one: Stage) -> None:
    """Each look has a chance of one half to find the good one; after 20 looks a miss is one in a million."""
    one.app.handler = answering(503)
    assert {one.get().status for _ in range(40)} == {200}


@ROW.under(retries={"attempts": 2, **ERRORS})
def test_a_post_is_retried_like_a_get(one: Stage) -> None:
    one.behave(answering(500))
    assert one.get(method="POST", body=b"an order").status == 500
    assert one.app.seen == 3


@ROW.under(2, timeout=FOREVER, retries={**HEDGING, **ERRORS})
def test_a_hedge_lets_the_slow_attempt_go_on_and_takes_the_first_answer(one: Stage) -> None:
    """The first attempt is answered once the second is there: without hedging it would be cut off by then."""
    hedged = threading.Event()

    def handler(talk: Conversation) -> bool | None:
        if b"x-envoy-attempt-count: 2\r\n" in talk.head:
            hedged.set()
            return never(talk)
        hedged.wait(PATIENCE_S)
        return hello(talk)

    one.behave(handler)
    assert one.get().status == 200
    first, second = sorted(attempts(one), key=lambda attempt: attempt.start)
    (call,) = calls(one)
    assert call.attempts == 2
    assert (first.status, second.status) == (200, 0)
    assert second.start - first.start >= 0.195
    assert second.start < first.start + first.duration_ms / 1000  # both were under way
    assert {first.call, second.call} == {call.call}
    assert first.callee != second.callee


@ROW.under(2, timeout=FOREVER, retries={**HEDGING, "retryOn": ["connect-failure"]})
def test_a_hedge_saves_the_answer_when_one_replica_never_answers(one: Stage) -> None:
    one.app.handler = never
    assert {one.get().status for _ in range(4)} == {200}
    assert counters(one, "upstream_rq_retry_success")["upstream_rq_retry_success"] >= 2


# -- limits


@ROW.under(circuitBreaker={"maxConnections": 1})
def test_max_connections_alone_only_queues(one: Stage) -> None:
    with crowd(one, 5) as got:
        eventually(lambda: counters(one, "rq_pending_active")["upstream_rq_pending_active"] == 4)
    assert {answer.status for answer in got} == {200}
    found = counters(one, "cx_overflow|cx_total$")
    assert (found["upstream_cx_total"], found["upstream_cx_overflow"] >= 4) == (1, True)


@ROW.under(circuitBreaker={"maxConnections": 1, "maxPendingRequests": 2})
def test_a_full_queue_rejects_at_once(one: Stage) -> None:
    one.get()  # who comes while the connection is being made is pending as well
    one.forget()
    with crowd(one, 8) as got:
        eventually(lambda: counters(one, "pending_overflow") == {"upstream_rq_pending_overflow": 5})
    assert sorted(answer.status for answer in got) == [200] * 3 + [503] * 5
    rejected = [answer for answer in got if answer.status == 503]
    assert {answer.header("x-envoy-overloaded") for answer in rejected} == {"true"}
    assert Counter((c.flags, c.attempts, c.refused) for c in calls(one)) == {("", 1, False): 3, ("UO", 0, True): 5}
    assert len(attempts(one)) == one.app.seen - 1 == 3


@ROW.under(circuitBreaker={"maxRequests": 2})
def test_requests_beyond_the_limit_are_counted_as_active_overflow(one: Stage) -> None:
    expected = {"upstream_rq_active_overflow": 4, "upstream_rq_pending_overflow": 0}
    with crowd(one, 6) as got:
        eventually(lambda: counters(one, "active_overflow|pending_overflow") == expected)
    assert sorted(answer.status for answer in got) == [200] * 2 + [503] * 4


# -- ejection


def ejecting(**rule: object) -> dict[str, object]:
    return {"interval": "500ms", "baseEjectionTime": "600s", **rule}


@ROW.under(2, outlierDetection=ejecting(consecutive5xxErrors=2))
def test_the_default_cap_ejects_none_of_two_replicas(one: Stage) -> None:
    """10 % of two is none: what looks like a breaker never opens."""
    one.app.handler = answering(500)
    assert Counter(one.get().status for _ in range(20)) == {200: 10, 500: 10}
    eventually(lambda: counters(one, "ejections_overflow")["outlier_detection.ejections_overflow"])
    assert counters(one, "ejections_active") == {"outlier_detection.ejections_active": 0}


@pytest.mark.parametrize(
    "one",
    [
        ROW.callee(2, outlierDetection=ejecting(consecutive5xxErrors=2, maxEjectionPercent=50)),
        ROW.callee(2, outlierDetection=ejecting(consecutive5xxErrors=2, alwaysEjectOneHost=True)),
    ],
    indirect=True,
)
def test_one_of_two_is_ejected_if_the_cap_allows_it(one: Stage) -> None:
    one.app.handler = answering(500)
    assert [one.get().status for _ in range(4)].count(500) == 2
    until_ejected(one)
    assert [one.get().status for _ in range(16)] == [200] * 16
    assert counters(one, "ejections_active") == {"outlier_detection.ejections_active": 1}


@ROW.under(2, outlierDetection=ejecting(consecutive5xxErrors=2, maxEjectionPercent=100, minHealthPercent=51))
def test_below_min_health_percent_everyone_is_used_again(one: Stage) -> None:
    """One of two ejected leaves 50 % healthy: less than 51, so the ejected one gets its share as before (panic)."""
    one.app.handler = answering(500)
    assert [one.get().status for _ in range(4)].count(500) >= 2
    until_ejected(one)
    statuses = Counter(one.get().status for _ in range(16))
    assert statuses[500] >= 6  # eight or so: the turn begins anew at the ejection; without panic it would be none
    found = counters(one, "lb_healthy_panic|ejections_active")
    assert found["outlier_detection.ejections_active"] == 1
    assert found["lb_healthy_panic"] >= 1


@ROW.under(
    outlierDetection=ejecting(consecutive5xxErrors=1, maxEjectionPercent=100, interval="1s", baseEjectionTime="500ms")
)
def test_an_ejection_ends_at_a_sweep_after_its_time(one: Stage) -> None:
    one.behave(answering(500))
    begun = time.monotonic()
    assert one.get().status == 500
    until_ejected(one)
    eventually(lambda: one.get().status == 500)
    assert time.monotonic() - begun >= 0.4


@ROW.under(outlierDetection=ejecting(consecutive5xxErrors=0, consecutiveGatewayErrors=2, maxEjectionPercent=100))
def test_gateway_errors_do_not_count_an_ordinary_500(one: Stage) -> None:
    one.behave(answering(500))
    assert [one.get().status for _ in range(5)] == [500] * 5
    one.behave(answering(502))
    assert [one.get().status for _ in range(2)] == [502, 502]
    until_ejected(one)
    assert [one.get().status for _ in range(2)] == [503, 503]
    name = "outlier_detection.ejections_enforced_consecutive_gateway_failure"
    assert counters(one, "enforced_consecutive_gateway_failure") == {name: 1}


@ROW.under(outlierDetection=ejecting(consecutive5xxErrors=2, maxEjectionPercent=100))
def test_refused_connections_count_as_5xx_unless_they_are_split_off(one: Stage) -> None:
    one.toxi.apply(LinkDown(one.links[0].name))
    assert [one.get().status for _ in range(2)] == [503] * 2
    until_ejected(one)
    assert one.get().status == 503
    assert [call.flags for call in calls(one)] == ["UF", "UF", "UH"]


@ROW.under(
    outlierDetection=ejecting(
        consecutive5xxErrors=1,
        maxEjectionPercent=100,
        splitExternalLocalOriginErrors=True,
        consecutiveLocalOriginFailures=3,
    )
)
def test_local_origin_failures_have_a_count_of_their_own(one: Stage) -> None:
    one.toxi.apply(LinkDown(one.links[0].name))
    assert [one.get().status for _ in range(3)] == [503] * 3
    until_ejected(one)
    assert one.get().status == 503
    assert [call.flags for call in calls(one)] == ["UF", "UF", "UF", "UH"]
    found = counters(one, "enforced_consecutive")
    assert found["outlier_detection.ejections_enforced_consecutive_local_origin_failure"] == 1
    assert found["outlier_detection.ejections_enforced_consecutive_5xx"] == 0


# -- balancing and connections


@pytest.mark.parametrize(
    ("one", "least", "most"),
    [
        pytest.param(ROW.callee(2, loadBalancer="ROUND_ROBIN"), 30, 30, id="ROUND_ROBIN"),
        pytest.param(ROW.callee(2, loadBalancer="LEAST_REQUEST"), 31, 60, id="LEAST_REQUEST"),
        pytest.param(ROW.callee(2, loadBalancer="RANDOM"), 10, 50, id="RANDOM"),
    ],
    indirect=["one"],
)
def test_what_the_idle_replica_gets(one: Stage, least: int, most: int) -> None:
    """The first is busy with what it got of twelve; sixty more come one by one: how many of them does the second get?

    Envoy looks at two replicas, which may be the same one twice: so LEAST_REQUEST sends three of four to the idle one.
    """
    first, second = one.apps.values()
    with crowd(one, 12, slow=[first]):
        eventually(lambda: first.seen + second.seen == 12)
        first.handler, before = hello, second.seen
        for _ in range(60):
            one.get()
        got = second.seen - before
    assert least <= got <= most


def connections(one: Stage) -> int:
    return counters(one, "upstream_cx_total$")["upstream_cx_total"]


@ROW.under()
def test_a_connection_is_kept_unless_a_policy_says_otherwise(one: Stage) -> None:
    assert [one.get().status for _ in range(6)] == [200] * 6
    assert connections(one) == 1


@ROW.under(connectionPool={"maxRequestsPerConnection": 2})
def test_a_connection_is_closed_after_its_requests(one: Stage) -> None:
    assert [one.get().status for _ in range(6)] == [200] * 6
    assert connections(one) == 3
    assert counters(one, "cx_max_requests") == {"upstream_cx_max_requests": 3}


@ROW.under(connectionPool={"idleTimeout": "200ms"})
def test_an_idle_connection_is_closed(one: Stage) -> None:
    one.get()
    eventually(lambda: counters(one, "cx_idle_timeout")["upstream_cx_idle_timeout"] == 1)
    assert one.get().status == 200
    assert connections(one) == 2


@ROW.under(connectionPool={"maxConnectionDuration": "300ms"})
def test_an_old_connection_takes_no_new_request(one: Stage) -> None:
    begun = time.monotonic()
    eventually(lambda: one.get().status != 200 or connections(one) == 2)
    assert connections(one) == 2
    assert time.monotonic() - begun >= 0.28
    assert counters(one, "cx_max_duration_reached")["upstream_cx_max_duration_reached"] >= 1


# -- deadlines


@ROW.under(timeout=FOREVER)
def test_the_callers_remaining_time_is_not_respected_unless_the_policy_says_so(one: Stage) -> None:
    one.behave(slow(0.3))
    assert one.get(x_envoy_expected_rq_timeout_ms="100").status == 200


@ROW.under(timeout=FOREVER, respectExpectedRqTimeout=True)
def test_the_callers_remaining_time_is_the_timeout(one: Stage) -> None:
    heads: list[str] = []
    one.behave(lambda talk: (heads.append(talk.head.decode()), talk.answer())[1])
    assert one.get(x_envoy_expected_rq_timeout_ms="40000").status == 200
    assert "x-envoy-expected-rq-timeout-ms: 40000\r\n" in heads[0]
    assert "upstream-rq-timeout-ms" not in heads[0]
    one.behave(never)
    got = one.get(x_envoy_expected_rq_timeout_ms="300")
    assert (got.status, got.ms >= 290) == (504, True)


@ROW.under(timeout="200ms", respectExpectedRqTimeout=True)
def test_a_request_without_a_deadline_has_the_policys_own_timeout(one: Stage) -> None:
    one.behave(never)
    got = one.get()
    assert (got.status, got.ms >= 190) == (504, True)


@ROW.under(timeout="100ms", respectExpectedRqTimeout=True)
def test_a_longer_remaining_time_takes_the_place_of_the_timeout_too(one: Stage) -> None:
    """The surprise: the callee has not 100 ms but as long as the caller waits."""
    one.behave(slow(0.3))
    assert one.get(x_envoy_expected_rq_timeout_ms="60000").status == 200
