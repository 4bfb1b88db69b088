"""Stale fallback: the last good answer in place of a new one. See docs/patterns/stale-fallback.md."""

import pytest

from testbed import NotContained, Testbed, constant_rate, delay, fallback, get, max_latency, statuses, topology

shop = topology("topology.yaml", scope="module")

USERS = constant_rate(get("/"), rps=30)
SLOW_PRICES = delay(ms=2500).on("page -> prices")


def test_while_prices_are_slow_everyone_sees_the_last_ones(shop: Testbed):
    run = shop.experiment(SLOW_PRICES, load=USERS, warmup_s=0.3, baseline_s=0.5, hold_s=1.5, recover_s=0)
    run.check(all=[statuses(200), fallback("last-prices"), max_latency(under_ms=1500)])


def test_a_page_that_starts_while_prices_are_slow_has_nothing_to_repeat(shop: Testbed):
    with shop.inject(SLOW_PRICES), shop.load(USERS) as traffic:
        traffic.run(for_s=1.5, phase="just deployed")
    with pytest.raises(NotContained, match=r"statuses\(200\) for all: 503 x"):
        traffic.result().check(all=[statuses(200)])
