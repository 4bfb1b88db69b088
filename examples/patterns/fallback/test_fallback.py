"""Fallback: something worse, but something, in place of what has failed. See docs/patterns/fallback.md."""

import pytest

from testbed import NotContained, Testbed, constant_rate, delay, fallback, get, max_latency, statuses, topology

shop = topology("topology.yaml", scope="module")

SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
SLOW_CATALOGUE = delay(ms=2500).on(service="catalogue")


def test_without_the_catalogue_everyone_sees_the_bestsellers(shop: Testbed):
    run = shop.experiment(SLOW_CATALOGUE, load=constant_rate(get("/"), rps=30), **SHORT)
    run.check(all=[statuses(200), fallback("bestsellers"), max_latency(under_ms=1500)])


def test_a_fallback_that_needs_what_has_failed_is_none(shop: Testbed):
    run = shop.experiment(SLOW_CATALOGUE, load=constant_rate(get("/clever"), rps=30), **SHORT)
    with pytest.raises(NotContained, match=r"statuses\(200\) for all: 503 x"):
        run.check(all=[statuses(200)])
