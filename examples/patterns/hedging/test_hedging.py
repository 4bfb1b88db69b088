"""Hedging: a second try beside a first that is slow, and whichever answers first wins. See docs/patterns/hedging.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    at_most_once,
    attempts,
    constant_rate,
    get,
    latency,
    max_latency,
    post,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

EDGE = "page -> search"
USERS = constant_rate(get("/"), rps=20)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2, "recover_s": 0}
ONE_SLOW = latency(ms=2000).on(EDGE, replica="search-1")
BOTH_SLOW = latency(ms=800).on(EDGE)


def test_nobody_waits_for_the_slow_replica(shop: Testbed):
    run = shop.experiment(ONE_SLOW, load=USERS, **SHORT)
    run.check(all=[statuses(200), max_latency(under_ms=1500), attempts(EDGE, at_most=2)])


def test_an_order_that_is_hedged_is_placed_twice(shop: Testbed):
    run = shop.experiment(ONE_SLOW, load=constant_rate(post("/order"), rps=20), **SHORT)
    with pytest.raises(NotContained, match=r"at_most_once\('page -> search'\) for all: 1 to 2"):
        run.check(all=[at_most_once(EDGE)])


@pytest.mark.control("a caller that waits for ever gets its answer as well: here the hedge must do no harm")
def test_where_both_are_slow_a_hedge_still_gets_its_answer(shop: Testbed):
    run = shop.experiment(BOTH_SLOW, load=USERS, **SHORT)
    run.check(all=[statuses(200), attempts(EDGE, at_most=2)])


def test_and_a_retry_cuts_off_one_try_after_the_other(shop: Testbed):
    with shop.override_policies({EDGE: {"retries": {"hedgeOnPerTryTimeout": False}}}):
        run = shop.experiment(BOTH_SLOW, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"statuses\(200\) for all: 503 x"):
        run.check(all=[statuses(200)])
