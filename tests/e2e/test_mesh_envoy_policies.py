"""Every word of a policy does on the real Envoy what docs/policies.md says, its surprise included."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from planes import Conversation, Stage, at_once, counters, hello, stage, until_ejected

from testbed import attempts as attempts_per_call
from testbed import get, steady
from testbed.edge.operations import Closed
from testbed.history import Attempt, Call
from testbed.model.services import EXPECTED
from testbed.model.topology import Topology
from testbed.starting import start

pytestmark = pytest.mark.e2e

ERRORS = {"retryOn": ["5xx"], "backoff": "5ms"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def attempts(one: Stage, request: str) -> list[Attempt]:
    return [event for event in one.seen() if isinstance(event, Attempt) and event.request == request]


def calls(one: Stage, request: str) -> list[Call]:
    return [event for event in one.seen() if isinstance(event, Call) and event.request == request]


def failing_after(seconds: float, status: int = 500) -> Callable[[Conversation], None]:
    def handler(talk: Conversation) -> None:
        time.sleep(seconds)
        talk.answer(status)

    return handler


def slow(seconds: float) -> Callable[[Conversation], None]:
    return failing_after(seconds, 200)


# -- retries


def retried(one: Stage, number: int) -> int:
    """Let so many calls fail at once; return how many retries were made."""
    at_once(number, lambda: one.get(baggage="tb.id=r1"))
    seen = calls(one, "r1")
    assert len(seen) == number
    return sum(call.attempts - 1 for call in seen)


def test_a_budget_bounds_the_retries_that_are_under_way_at_once(folder: Path) -> None:
    """20 fail at once, 20 % of them are 4; without the budget all 20 are retried."""
    budget = {"percent": 20, "minRetryConcurrency": 1}
    policy = {"retries": {"attempts": 1, **ERRORS}, "retryBudget": budget}
    with stage(folder, failing_after(0.8), policy=policy) as one:
        made = retried(one, 20)
        found = counters(one, "upstream_rq_retry$|retry_overflow")
    assert 1 <= made <= 5
    assert found == {"upstream_rq_retry": made, "upstream_rq_retry_overflow": 20 - made}


def test_a_budget_always_allows_its_minimum(folder: Path) -> None:
    """Three retries at once are allowed, however few percent that is: a lone caller's storm is not bounded by 0 %."""
    budget = {"percent": 0, "minRetryConcurrency": 3}
    with stage(folder, failing_after(0.8), policy={"retries": {"attempts": 1, **ERRORS}, "retryBudget": budget}) as one:
        assert retried(one, 12) == 3


def test_max_retries_bounds_the_retries_under_way_and_flags_the_callees_own_answer(folder: Path) -> None:
    """Envoy's own default is 3: written out here, it shows what an unconfigured Envoy does to 12 failures at once."""
    policy = {"retries": {"attempts": 1, **ERRORS}, "circuitBreaker": {"maxRetries": 3}}
    with stage(folder, failing_after(0.8), policy=policy) as one:
        assert retried(one, 12) == 3
        seen = {(call.status, call.flags, call.refused) for call in calls(one, "r1")}
        assert seen == {(500, "UO", False), (500, "URX", False)}
        assert counters(one, "retry_overflow") == {"upstream_rq_retry_overflow": 9}


def test_without_ignoring_previous_hosts_a_retry_may_meet_the_bad_replica_again(folder: Path) -> None:
    retries = {"attempts": 1, **ERRORS, "retryIgnorePreviousHosts": False}
    with stage(folder, replicas=2, policy={"retries": retries, "loadBalancer": "RANDOM"}) as one:
        one.apps["callee-1"].handler = lambda talk: talk.answer(503)
        statuses = Counter(one.get().status for _ in range(60))
    assert statuses[503] > 2  # a quarter is expected: 15; 0 to 2 of 60 has a chance of 2 in a million


def test_host_attempts_make_a_random_balancer_find_the_good_replica(folder: Path) -> None:
    """Each look has a chance of one half to find the good one; after 20 looks a miss is one in a million."""
    retries = {"attempts": 1, **ERRORS, "hostSelectionRetryMaxAttempts": 20}
    with stage(folder, replicas=2, policy={"retries": retries, "loadBalancer": "RANDOM"}) as one:
        one.apps["callee-1"].handler = lambda talk: talk.answer(503)
        assert {one.get().status for _ in range(40)} == {200}


def test_a_post_is_retried_like_a_get(folder: Path) -> None:
    with stage(folder, failing_after(0), policy={"retries": {"attempts": 2, **ERRORS}}) as one:
        assert one.get(method="POST", body=b"an order").status == 500
        assert one.apps["callee-1"].seen == 3


def test_a_hedge_lets_the_slow_attempt_go_on_and_takes_the_first_answer(folder: Path) -> None:
    """Every attempt takes 0.6 s: without hedging both would be cut off at 0.2 s, and nothing would ever be answered."""
    retries = {"attempts": 1, "perTryTimeout": "200ms", "hedgeOnPerTryTimeout": True, **ERRORS}
    with stage(folder, slow(0.6), replicas=2, policy={"timeout": "5s", "retries": retries}) as one:
        got = one.get(baggage="tb.id=r1")
        assert got.status == 200
        assert got.ms >= 590
        first, second = sorted(attempts(one, "r1"), key=lambda attempt: attempt.start)
        (call,) = calls(one, "r1")
    assert call.attempts == 2
    assert (first.status, second.status) == (200, 0)
    assert second.start - first.start >= 0.195
    assert second.start < first.start + first.duration_ms / 1000  # both were under way
    assert {first.call, second.call} == {call.call}
    assert first.callee != second.callee


def test_a_hedge_saves_the_answer_when_one_replica_is_slow(folder: Path) -> None:
    retries = {"attempts": 1, "perTryTimeout": "200ms", "hedgeOnPerTryTimeout": True, "retryOn": ["connect-failure"]}
    with stage(folder, replicas=2, policy={"timeout": "5s", "retries": retries}) as one:
        one.apps["callee-1"].handler = slow(3)
        got = [one.get() for _ in range(4)]
        assert {answer.status for answer in got} == {200}
        assert max(answer.ms for answer in got) < 2000
        assert counters(one, "upstream_rq_retry_success|upstream_rq_per_try_timeout")["upstream_rq_retry_success"] >= 2


# -- limits


def test_max_connections_alone_only_queues(folder: Path) -> None:
    with stage(folder, slow(0.1), policy={"circuitBreaker": {"maxConnections": 1}}) as one:
        begun = time.monotonic()
        assert {answer.status for answer in at_once(5, one.get)} == {200}
        assert time.monotonic() - begun >= 0.49  # one after the other
        found = counters(one, "cx_overflow|cx_total$")
        assert (found["upstream_cx_total"], found["upstream_cx_overflow"] >= 4) == (1, True)


def test_a_full_queue_rejects_at_once(folder: Path) -> None:
    breaker = {"maxConnections": 1, "maxPendingRequests": 2}
    with stage(folder, slow(0.6), policy={"circuitBreaker": breaker}) as one:
        one.get()  # who comes while the connection is being made is pending as well
        got = at_once(8, lambda: one.get(baggage="tb.id=r1"))
        assert sorted(answer.status for answer in got) == [200] * 3 + [503] * 5
        rejected = [answer for answer in got if answer.status == 503]
        assert {answer.header("x-envoy-overloaded") for answer in rejected} == {"true"}
        assert Counter((c.flags, c.attempts, c.refused) for c in calls(one, "r1")) == {
            ("", 1, False): 3,
            ("UO", 0, True): 5,
        }
        assert len(attempts(one, "r1")) == one.apps["callee-1"].seen - 1 == 3
        assert counters(one, "pending_overflow") == {"upstream_rq_pending_overflow": 5}


def test_requests_beyond_the_limit_are_counted_as_active_overflow(folder: Path) -> None:
    with stage(folder, slow(0.8), policy={"circuitBreaker": {"maxRequests": 2}}) as one:
        assert sorted(answer.status for answer in at_once(6, one.get)) == [200] * 2 + [503] * 4
        assert counters(one, "active_overflow|pending_overflow") == {
            "upstream_rq_active_overflow": 4,
            "upstream_rq_pending_overflow": 0,
        }


# -- ejection


def ejecting(**rule: object) -> dict[str, object]:
    return {"outlierDetection": {"interval": "500ms", "baseEjectionTime": "60s", **rule}}


def test_the_default_cap_ejects_none_of_two_replicas(folder: Path) -> None:
    """10 % of two is none: what looks like a breaker never opens."""
    with stage(folder, replicas=2, policy=ejecting(consecutive5xxErrors=2)) as one:
        one.apps["callee-1"].handler = lambda talk: talk.answer(500)
        statuses = Counter(one.get().status for _ in range(20))
        assert statuses == {200: 10, 500: 10}
        found = counters(one, "ejections_overflow|ejections_active")
        assert found["outlier_detection.ejections_active"] == 0
        assert found["outlier_detection.ejections_overflow"] >= 1


@pytest.mark.parametrize("cap", [{"maxEjectionPercent": 50}, {"alwaysEjectOneHost": True}])
def test_one_of_two_is_ejected_if_the_cap_allows_it(folder: Path, cap: dict[str, object]) -> None:
    with stage(folder, replicas=2, policy=ejecting(consecutive5xxErrors=2, **cap)) as one:
        one.apps["callee-1"].handler = lambda talk: talk.answer(500)
        assert [one.get().status for _ in range(4)].count(500) == 2
        until_ejected(one)
        assert [one.get().status for _ in range(16)] == [200] * 16
        assert counters(one, "ejections_active") == {"outlier_detection.ejections_active": 1}


def test_below_min_health_percent_everyone_is_used_again(folder: Path) -> None:
    """One of two ejected leaves 50 % healthy: less than 51, so the ejected one gets its share as before (panic)."""
    policy = ejecting(consecutive5xxErrors=2, maxEjectionPercent=100, minHealthPercent=51)
    with stage(folder, replicas=2, policy=policy) as one:
        one.apps["callee-1"].handler = lambda talk: talk.answer(500)
        statuses = Counter(one.get().status for _ in range(20))
        assert statuses[500] >= 6  # ten or so: the turn begins anew at the ejection; without panic it would be two
        found = counters(one, "lb_healthy_panic|ejections_active")
        assert found["outlier_detection.ejections_active"] == 1
        assert found["lb_healthy_panic"] >= 1


def test_an_ejection_ends_at_a_sweep_after_its_time(folder: Path) -> None:
    policy = ejecting(consecutive5xxErrors=1, maxEjectionPercent=100, interval="2s", baseEjectionTime="500ms")
    with stage(folder, lambda talk: talk.answer(500), policy=policy) as one:
        assert one.get().status == 500
        until_ejected(one)
        assert one.get().status == 503
        begun = time.monotonic()
        while one.get().status == 503:
            assert time.monotonic() - begun < 20
            time.sleep(0.02)
        assert time.monotonic() - begun >= 0.4


def test_gateway_errors_do_not_count_an_ordinary_500(folder: Path) -> None:
    policy = ejecting(consecutive5xxErrors=0, consecutiveGatewayErrors=2, maxEjectionPercent=100)
    with stage(folder, lambda talk: talk.answer(500), policy=policy) as one:
        assert [one.get().status for _ in range(5)] == [500] * 5
        one.behave(lambda talk: talk.answer(502))
        assert [one.get().status for _ in range(2)] == [502, 502]
        until_ejected(one)
        assert [one.get().status for _ in range(2)] == [503, 503]
        name = "outlier_detection.ejections_enforced_consecutive_gateway_failure"
        assert counters(one, "enforced_consecutive_gateway_failure") == {name: 1}


def test_refused_connections_count_as_5xx_unless_they_are_split_off(folder: Path) -> None:
    with stage(folder, policy=ejecting(consecutive5xxErrors=2, maxEjectionPercent=100)) as one:
        one.toxi.apply(Closed(one.links[0].name))
        assert [one.get(baggage="tb.id=r1").status for _ in range(2)] == [503] * 2
        until_ejected(one)
        assert one.get(baggage="tb.id=r1").status == 503
        assert [call.flags for call in calls(one, "r1")] == ["UF", "UF", "UH"]
        one.toxi.reset()


def test_local_origin_failures_have_a_count_of_their_own(folder: Path) -> None:
    split = {"splitExternalLocalOriginErrors": True, "consecutiveLocalOriginFailures": 3}
    with stage(folder, policy=ejecting(consecutive5xxErrors=1, maxEjectionPercent=100, **split)) as one:
        one.toxi.apply(Closed(one.links[0].name))
        assert [one.get(baggage="tb.id=r1").status for _ in range(3)] == [503] * 3
        until_ejected(one)
        assert one.get(baggage="tb.id=r1").status == 503
        assert [call.flags for call in calls(one, "r1")] == ["UF", "UF", "UF", "UH"]
        one.toxi.reset()
        found = counters(one, "enforced_consecutive")
        assert found["outlier_detection.ejections_enforced_consecutive_local_origin_failure"] == 1
        assert found["outlier_detection.ejections_enforced_consecutive_5xx"] == 0


# -- balancing and connections


@pytest.mark.parametrize(
    ("balancer", "least", "most"), [("ROUND_ROBIN", 30, 30), ("LEAST_REQUEST", 31, 60), ("RANDOM", 10, 50)]
)
def test_what_the_idle_replica_gets(folder: Path, balancer: str, least: int, most: int) -> None:
    """callee-1 is busy with what it got of twelve; sixty more come one by one: how many of them does callee-2 get?

    Envoy looks at two replicas, which may be the same one twice: so LEAST_REQUEST sends three of four to the idle one.
    """
    released = threading.Event()
    with stage(folder, replicas=2, policy={"loadBalancer": balancer}) as one:
        first, second = one.apps["callee-1"], one.apps["callee-2"]
        first.handler = lambda talk: (released.wait(20), talk.answer())[1]
        crowd = threading.Thread(target=lambda: at_once(12, one.get))
        crowd.start()
        while first.seen + second.seen < 12:
            time.sleep(0.01)
        first.handler, before = hello, second.seen
        for _ in range(60):
            one.get()
        got = second.seen - before
        released.set()
        crowd.join()
    assert least <= got <= most


def connections(one: Stage) -> int:
    return counters(one, "upstream_cx_total$")["upstream_cx_total"]


def test_a_connection_is_kept_unless_a_policy_says_otherwise(folder: Path) -> None:
    with stage(folder) as one:
        assert [one.get().status for _ in range(6)] == [200] * 6
        assert connections(one) == 1


def test_a_connection_is_closed_after_its_requests(folder: Path) -> None:
    with stage(folder, policy={"connectionPool": {"maxRequestsPerConnection": 2}}) as one:
        assert [one.get().status for _ in range(6)] == [200] * 6
        assert connections(one) == 3
        assert counters(one, "cx_max_requests") == {"upstream_cx_max_requests": 3}


def test_an_idle_connection_is_closed(folder: Path) -> None:
    with stage(folder, policy={"connectionPool": {"idleTimeout": "200ms"}}) as one:
        one.get()
        time.sleep(1)
        assert one.get().status == 200
        assert connections(one) == 2
        assert counters(one, "cx_idle_timeout")["upstream_cx_idle_timeout"] >= 1


def test_an_old_connection_takes_no_new_request(folder: Path) -> None:
    with stage(folder, policy={"connectionPool": {"maxConnectionDuration": "300ms"}}) as one:
        begun = time.monotonic()
        while connections(one) < 2:
            assert one.get().status == 200
            assert time.monotonic() - begun < 20
            time.sleep(0.05)
        assert time.monotonic() - begun >= 0.28
        assert counters(one, "cx_max_duration_reached")["upstream_cx_max_duration_reached"] >= 1


# -- deadlines


def test_the_callers_remaining_time_is_not_respected_unless_the_policy_says_so(folder: Path) -> None:
    with stage(folder, slow(0.5), policy={"timeout": "2s"}) as one:
        assert one.get(x_envoy_expected_rq_timeout_ms="100").status == 200


def test_the_callers_remaining_time_is_the_timeout(folder: Path) -> None:
    heads: list[str] = []
    policy = {"timeout": "2s", "respectExpectedRqTimeout": True}
    with stage(folder, lambda talk: (heads.append(talk.head.decode()), time.sleep(1), None)[2], policy=policy) as one:
        got = one.get(x_envoy_expected_rq_timeout_ms="400")
        assert (got.status, got.ms >= 390) == (504, True)
        assert "x-envoy-expected-rq-timeout-ms: 400\r\n" in heads[0]
        assert "upstream-rq-timeout-ms" not in heads[0]


def test_a_request_without_a_deadline_has_the_policys_own_timeout(folder: Path) -> None:
    policy = {"timeout": "200ms", "respectExpectedRqTimeout": True}
    with stage(folder, slow(1), policy=policy) as one:
        got = one.get()
        assert (got.status, got.ms >= 190) == (504, True)


def test_a_longer_remaining_time_takes_the_place_of_the_timeout_too(folder: Path) -> None:
    """The surprise: the callee has not 100 ms but as long as the caller waits."""
    with stage(folder, slow(0.5), policy={"timeout": "100ms", "respectExpectedRqTimeout": True}) as one:
        assert one.get(x_envoy_expected_rq_timeout_ms="5000").status == 200


@pytest.mark.parametrize(("respects", "status"), [(True, 504), (False, 200)])
def test_an_app_that_hands_the_remaining_time_on_has_its_calls_end_with_it(respects: bool, status: int) -> None:
    """The client says that it waits 200 ms and waits longer, so that it sees who gave up."""
    services = {
        "front": {"language": "python", "calls": [{"to": "back", "onFailure": {"keep": [504]}}]},
        "back": {"language": "go", "work": "800ms"},
    }
    policies = [{"edge": "front -> back", "timeout": "5s", "respectExpectedRqTimeout": respects}]
    data = {"name": "hops", "entry": "front", "services": services, "policies": policies, "forward": [EXPECTED]}
    with start(Topology.model_validate(data)) as shop, shop.client() as client:
        assert client.get("/", headers={EXPECTED: "200"}).status_code == status


@pytest.mark.parametrize("respects", [True, False])
def test_the_deadline_that_a_proxy_sets_ends_the_calls_of_the_next_hop(respects: bool) -> None:
    """The front waits 400 ms; the back works 1.5 s, for nobody unless the middle's proxy knows that."""
    services = {
        "front": {"language": "go", "calls": [{"to": "middle", "onFailure": {"keep": [504]}}]},
        "middle": {"language": "go", "onHangUp": "continue", "calls": ["back"]},
        "back": {"language": "go", "work": "1500ms"},
    }
    policies = [
        {"edge": "front -> middle", "timeout": "400ms"},
        {"edge": "middle -> back", "timeout": "10s", "respectExpectedRqTimeout": respects},
    ]
    data = {"name": "hops", "entry": "front", "services": services, "policies": policies, "forward": [EXPECTED]}
    with start(Topology.model_validate(data)) as shop:
        with shop.load(steady(get("/"), rps=5)) as traffic:
            traffic.run(for_s=1, phase="load")
        run = traffic.result()
    run.check(all=[attempts_per_call("middle -> back", exactly=1)])
    seen = run.history.index.calls.on("middle -> back")
    assert len(seen) >= 5
    if respects:
        assert {(call.status, call.flags) for call in seen} == {(504, "UT")}
        assert min(call.duration_ms for call in seen) >= 200  # 400 at most, less what the first hop took
    else:
        assert {call.status for call in seen} == {200}
        assert min(call.duration_ms for call in seen) >= 1490
