"""Half-open: how a breaker finds out that the callee is well again. See docs/patterns/half-open.md."""

import pytest

from testbed import NotContained, Testbed, circuit_breaker, constant_rate, get, outage, statuses, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> ads"
USERS = constant_rate(get("/"), rps=40)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.3, "hold_s": 2.2, "recover_s": 3}
NO_ADS = outage("ads", kind="erroring")


def test_the_breaker_probes_and_closes_when_the_ads_are_back(shop: Testbed):
    run = shop.experiment(NO_ADS, load=USERS, **SHORT)
    run.check(all=[statuses(200), circuit_breaker(EDGE, probes=80, closes_within_s=2.5)])


def test_with_the_default_ejection_time_the_ads_stay_away(shop: Testbed):
    with shop.override_policies({EDGE: {"outlierDetection": {"baseEjectionTime": "30s"}}}):
        run = shop.experiment(NO_ADS, load=USERS, **SHORT)
    run.check(all=[circuit_breaker(EDGE, opens_within_s=1.5)])
    with pytest.raises(
        NotContained, match=r"circuit_breaker\('page -> ads', closes_within_s=2.5\) for all: page-1 did not close"
    ):
        run.check(all=[circuit_breaker(EDGE, closes_within_s=2.5)])
