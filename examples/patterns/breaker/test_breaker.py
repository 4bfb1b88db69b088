"""Breaker: who keeps failing is asked no more. See docs/patterns/breaker.md."""

import pytest

from testbed import NotContained, Testbed, circuit_breaker, constant_rate, get, outage, statuses, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> ads"
USERS = constant_rate(get("/"), rps=40)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2, "recover_s": 0}
NO_ADS = outage("ads", kind="erroring")
LIMITS = {"maxConnections": 100, "maxPendingRequests": 100, "maxRequests": 100}


def test_ads_that_fail_are_asked_for_no_more(shop: Testbed):
    run = shop.experiment(NO_ADS, load=USERS, **SHORT)
    run.check(all=[statuses(200), circuit_breaker(EDGE, opens_within_s=1.5, attempts_while_open=0)])


@pytest.mark.control("limits on what is under way do not count errors: here they are as good as none, the mistake")
def test_what_istio_calls_a_circuit_breaker_does_not_open_on_errors(shop: Testbed):
    with shop.override_policies({EDGE: {"circuitBreaker": LIMITS, "outlierDetection": None}}):
        run = shop.experiment(NO_ADS, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"circuit_breaker\('page -> ads', .*\) for all: page-1 never opened"):
        run.check(all=[circuit_breaker(EDGE, opens_within_s=1.5)])
