"""Bulkhead: a slow dependency may fill its own compartment, and not the whole ship. See docs/patterns/bulkhead.md."""

import pytest

from testbed import NotContained, Testbed, availability, bulkhead, constant_rate, delay, get, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> recommendations"
USERS = constant_rate(get("/"), rps=40, timeout_s=0.5)  # who leave after half a second
SHORT = {"warmup_s": 0.3, "baseline_s": 1, "hold_s": 1.5, "recover_s": 0}
SLOW = delay(ms=200).on(EDGE)


def test_slow_recommendations_leave_the_cart_alone(shop: Testbed):
    run = shop.experiment(SLOW, load=USERS, **SHORT)
    run.check(all=[bulkhead(EDGE, keeps_percent=80), availability(at_least_percent=90)])


@pytest.mark.control("the limit is the policy, and the mistake is to have none")
def test_without_a_limit_they_take_every_worker(shop: Testbed):
    with shop.override_policies({EDGE: {"circuitBreaker": None}}):
        run = shop.experiment(SLOW, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"bulkhead\(.*page -> cart: \d+ of \d+ \("):
        run.check(all=[bulkhead(EDGE, keeps_percent=80)])
