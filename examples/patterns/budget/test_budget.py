"""Retry budget: retries for a few, not for everyone at once. See docs/patterns/budget.md."""

import pytest

from testbed import NotContained, Testbed, constant_rate, delay, get, max_latency, retry_budget, statuses, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> search"
USERS = constant_rate(get("/"), rps=40)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
SLOW_SEARCH = delay(ms=2200).on(EDGE)


def test_when_everything_fails_few_are_tried_again(shop: Testbed):
    run = shop.experiment(SLOW_SEARCH, load=USERS, **SHORT)
    run.check(all=[statuses(200), max_latency(under_ms=1700), retry_budget(EDGE)])


def test_without_a_budget_everyone_tries_again_at_once(shop: Testbed):
    with shop.override_policies({EDGE: {"retryBudget": None}}):
        run = shop.experiment(SLOW_SEARCH, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"retry_budget\('page -> search', .*\) for all: retries: \d\d, allowed"):
        run.check(all=[retry_budget(EDGE, percent=20, floor=3, at_once=True)])
