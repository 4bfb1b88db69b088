"""Breakers and ejection on a real Envoy: each pattern at work, and the usual way in which it is broken."""

import re

import pytest

from testbed import abort, circuit_breaker, constant_rate, delay, get, outage, outlier_ejection, statuses
from tests.kit.judging import rejected, verdict

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
LOAD = constant_rate(get("/"), rps=40, timeout_s=30)
OUTLIERS = {
    "consecutive5xxErrors": 3,
    "interval": "200ms",
    "baseEjectionTime": "1s",
    "maxEjectionPercent": 100,
    "minHealthPercent": 0,
}


def experiment(small, policy, fault, *, hold_s, recover_s=0.2):
    """A run with this policy, whose time-out nobody meets unless it says so."""
    with small.override_policies({EDGE: {"timeout": "20s", **policy}}):
        return small.experiment(fault, load=LOAD, warmup_s=0.1, baseline_s=0.2, hold_s=hold_s, recover_s=recover_s)


def test_a_breaker_opens_probes_and_closes(small):
    lasting = OUTLIERS | {"baseEjectionTime": "1500ms"}  # one of 1 s can be over before Envoy acts on it
    run = experiment(small, {"outlierDetection": lasting}, abort(503).on(EDGE), hold_s=5, recover_s=5)
    run.check(all=[circuit_breaker(EDGE, opens_within_s=5, attempts_while_open=0, probes=130, closes_within_s=4)])
    # Envoy acts on the second ejection only a second after the first: all that time it sends what comes.
    late = verdict(run, circuit_breaker(EDGE, opens_within_s=0.5))
    assert late.outcome != "held"  # on a saturated machine inconclusive
    many = verdict(run, circuit_breaker(EDGE, probes=5))
    assert many.outcome == "violated"
    assert "update_merge_window" in many.next


def test_a_breaker_that_may_not_eject_never_opens(small):
    few = OUTLIERS | {"maxEjectionPercent": 10}
    run = experiment(small, {"outlierDetection": few}, abort(503).on(EDGE), hold_s=1)
    found = verdict(run, circuit_breaker(EDGE, opens_within_s=0.9))
    assert found.outcome == "violated"
    assert "front-1 refused no call" in found.why
    assert re.search(r"[1-9]\d* detected, 0 ejected, [1-9]\d* not allowed by maxEjectionPercent, 0 sent", found.why)


def test_a_breaker_in_panic_never_opens(small):
    """Panic begins with the second ejection, a second after the first."""
    panicking = OUTLIERS | {"minHealthPercent": 50, "baseEjectionTime": "30s"}
    run = experiment(small, {"outlierDetection": panicking}, abort(503).on(EDGE), hold_s=2.5)
    found = verdict(run, circuit_breaker(EDGE, attempts_while_open=0))
    assert found.outcome == "violated"
    assert re.search(r"[1-9]\d* ejected, 0 not allowed by maxEjectionPercent, [1-9]\d* sent", found.why)


def test_a_limit_bounds_what_is_sent_while_it_is_reached(small):
    limited = {"timeout": "1s", "circuitBreaker": {"maxRequests": 2}}
    run = experiment(small, limited, delay(ms=600_000).on(EDGE), hold_s=1.5, recover_s=1)
    # Two at a time, each for a second, until the last answer has come after two seconds and a half.
    run.check(all=[circuit_breaker(EDGE, opens_within_s=20, attempts_while_open=(2, 12))])
    assert verdict(run, circuit_breaker(EDGE, attempts_while_open=1)).outcome == "violated"
    assert verdict(run, circuit_breaker(EDGE, probes=1)).outcome == "inconclusive"


def test_without_a_limit_nothing_is_refused(small):
    run = experiment(small, {"timeout": "600ms"}, delay(ms=600_000).on(EDGE), hold_s=0.5)
    found = verdict(run, circuit_breaker(EDGE, attempts_while_open=(2, 12)))
    assert found.outcome == "violated"
    assert found.observed.startswith("front-1 (the app itself) never opened")


def test_one_bad_replica_is_ejected_and_comes_back(small):
    half = OUTLIERS | {"maxEjectionPercent": 50, "baseEjectionTime": "4s"}
    bad = outage("back", replicas=1, kind="erroring")
    run = experiment(small, {"outlierDetection": half}, bad, hold_s=1.6, recover_s=4)
    run.check(
        all=[outlier_ejection(EDGE, within_s=1.2, back_within_s=10), outlier_ejection(replica="back-1", within_s=1.2)]
    )
    assert (
        verdict(run, outlier_ejection(EDGE, back_within_s=0.01)).outcome != "held"
    )  # on a saturated machine inconclusive


def test_ten_percent_of_two_replicas_is_none(small):
    tenth = OUTLIERS | {"maxEjectionPercent": 10}
    bad = outage("back", replicas=1, kind="erroring")
    run = experiment(small, {"outlierDetection": tenth}, bad, hold_s=1)
    found = rejected(run, outlier_ejection(EDGE, within_s=0.5))
    if found.outcome == "violated":
        assert found.source == "caller's proxy"
        assert re.search(r" 0 ejected, [1-9]\d* not allowed by maxEjectionPercent", found.why)
    assert verdict(run, statuses(200)).outcome == "violated"
