"""Load shedding: more comes in than can be done, and some is rejected at once so that the rest is in time.

See docs/patterns/load-shedding.md
"""

import pytest

from testbed import NotContained, Testbed, constant_rate, delay, get, load_shedding, statuses, topology

shop = topology("topology.yaml", scope="module")

EDGE = "front -> worker"
USERS = constant_rate(get("/"), rps=50, timeout_s=1.5)  # who leave after 1.5 s
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2, "recover_s": 0}
SLOW_DATABASE = delay(ms=400).on("worker -> database")  # eight hands then do 20 requests a second; 50 come in


def test_some_are_turned_away_and_the_rest_are_served_in_time(shop: Testbed):
    run = shop.experiment(SLOW_DATABASE, load=USERS, **SHORT)
    run.check(all=[load_shedding(EDGE, rejects_within_ms=400), statuses(200, 503)])


@pytest.mark.control("the limit is the only policy, and the mistake is to have none")
def test_a_long_queue_turns_nobody_away_and_serves_hardly_anybody(shop: Testbed):
    with shop.override_policies({EDGE: {"circuitBreaker": None}}):
        run = shop.experiment(SLOW_DATABASE, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"statuses\(200, 503\) for all: no answer \(timeout\) x \d+"):
        run.check(all=[statuses(200, 503)])
