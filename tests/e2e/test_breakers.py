"""Breakers and ejection on a real Envoy: each pattern at work, and the usual way in which it is broken."""

import re
from pathlib import Path

import pytest
from judging import verdict

from testbed import abort, breaker, delay, ejected, get, only_statuses, outage, start, steady

pytestmark = pytest.mark.e2e
SMALL = Path(__file__).parent / "small.yaml"
EDGE = "front -> back"
SHORT = {"hold_s": 2.5, "recover_s": 0.3}  # for what must be seen to be broken
OUTLIERS = {
    "consecutive5xxErrors": 3,
    "interval": "200ms",
    "baseEjectionTime": "1s",
    "maxEjectionPercent": 100,
    "minHealthPercent": 0,
}


def experiment(policy, fault, rps=60, hold_s=4.0, recover_s=4.0):
    with start(SMALL, policies={EDGE: {"timeout": "600ms", **policy}}) as small:
        return small.experiment(
            fault, load=steady(get("/"), rps=rps), warmup_s=0.3, baseline_s=0.3, hold_s=hold_s, recover_s=recover_s
        )


def test_a_breaker_opens_probes_and_closes():
    lasting = OUTLIERS | {"baseEjectionTime": "1500ms"}  # one of 1 s can be over before Envoy acts on it
    run = experiment({"outlierDetection": lasting}, abort(503).on(EDGE), hold_s=5, recover_s=5)
    run.check(all=[breaker(EDGE, opens_within_s=3, attempts_while_open=0, probes=130, closes_within_s=4)])
    # Envoy acts on the second ejection only a second after the first: all that time it sends what comes.
    late = verdict(run, breaker(EDGE, opens_within_s=0.5))
    assert late.outcome != "held"  # on a saturated machine inconclusive
    many = verdict(run, breaker(EDGE, probes=5))
    assert many.outcome == "violated"
    assert "update_merge_window" in many.next


def test_a_breaker_that_may_not_eject_never_opens():
    run = experiment({"outlierDetection": OUTLIERS | {"maxEjectionPercent": 10}}, abort(503).on(EDGE), **SHORT)
    found = verdict(run, breaker(EDGE, opens_within_s=2))
    assert found.outcome == "violated"
    assert "front-1 refused none of its calls" in found.why
    assert re.search(r"[1-9]\d* detected, 0 ejected, [1-9]\d* not allowed by maxEjectionPercent, 0 sent", found.why)


def test_a_breaker_in_panic_never_opens():
    panicking = OUTLIERS | {"minHealthPercent": 50, "baseEjectionTime": "30s"}
    run = experiment({"outlierDetection": panicking}, abort(503).on(EDGE), **SHORT)
    found = verdict(run, breaker(EDGE, attempts_while_open=0))
    assert found.outcome == "violated"
    assert re.search(r"[1-9]\d* ejected, 0 not allowed by maxEjectionPercent, [1-9]\d* sent", found.why)


def test_a_limit_bounds_what_is_sent_while_it_is_reached():
    run = experiment({"circuitBreaker": {"maxRequests": 2}}, delay(ms=2000).on(EDGE), hold_s=3, recover_s=1)
    # Two at a time, each for at most 600 ms: no more than ten after the first two in three seconds.
    run.check(all=[breaker(EDGE, opens_within_s=1, attempts_while_open=(2, 12))])
    assert verdict(run, breaker(EDGE, attempts_while_open=1)).outcome == "violated"
    assert verdict(run, breaker(EDGE, probes=1)).outcome == "inconclusive"


def test_without_a_limit_nothing_is_refused():
    run = experiment({}, delay(ms=2000).on(EDGE), **SHORT)
    found = verdict(run, breaker(EDGE, attempts_while_open=(2, 12)))
    assert (found.outcome, found.observed) == ("violated", "front-1 never opened")


def test_one_bad_replica_is_ejected_and_comes_back():
    half = OUTLIERS | {"maxEjectionPercent": 50, "baseEjectionTime": "3s"}
    run = experiment({"outlierDetection": half}, outage("back", replicas=1, kind="erroring"), hold_s=2.5)
    run.check(all=[ejected(EDGE, within_s=2, back_within_s=3.5), ejected(replica="back-1", within_s=2)])
    assert verdict(run, ejected(EDGE, back_within_s=0.01)).outcome != "held"  # on a saturated machine inconclusive


def test_ten_percent_of_two_replicas_is_none():
    tenth = OUTLIERS | {"maxEjectionPercent": 10}
    run = experiment({"outlierDetection": tenth}, outage("back", replicas=1, kind="erroring"), hold_s=2.5, recover_s=1)
    found = verdict(run, ejected(EDGE, within_s=2))
    assert (found.outcome, found.source) == ("violated", "caller's proxy")
    assert re.search(r" 0 ejected, [1-9]\d* not allowed by maxEjectionPercent", found.why)
    assert verdict(run, only_statuses(200)).outcome == "violated"
