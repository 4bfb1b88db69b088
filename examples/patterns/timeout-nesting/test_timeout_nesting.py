"""Timeout nesting: who gives up first, the caller or its caller. See docs/patterns/timeout-nesting.md."""

import pytest

from testbed import NotContained, Testbed, constant_rate, delay, fallback, get, max_latency, statuses, topology

shop = topology("topology.yaml", scope="module")

USERS = constant_rate(get("/"), rps=30)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.2, "recover_s": 0}
SLOW_PRICING = delay(ms=2000).on("checkout -> pricing")


def test_checkout_gives_up_before_its_caller_does(shop: Testbed):
    run = shop.experiment(SLOW_PRICING, load=USERS, **SHORT)
    run.check(all=[statuses(200), fallback("list-price"), max_latency(under_ms=1600)])


def test_an_impatient_caller_throws_the_fallback_away(shop: Testbed):
    with shop.override_policies({"page -> checkout": {"timeout": "300ms"}}):
        run = shop.experiment(SLOW_PRICING, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"statuses\(200\) for all: 503 x \d+, expected only 200"):
        run.check(all=[statuses(200)])
