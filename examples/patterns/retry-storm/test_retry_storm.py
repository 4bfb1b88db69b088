"""Retry storm: what becomes of one request when every layer tries again. See docs/patterns/retry-storm.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    constant_rate,
    delay,
    get,
    max_latency,
    retry_amplification,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

USERS = constant_rate(get("/"), rps=15)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1, "recover_s": 0}
SLOW_STOCK = delay(ms=2500).on("checkout -> stock")
EAGER = {"timeout": "5s", "retries": {"attempts": 2, "retryOn": ["5xx"]}}


def test_one_layer_of_retries_adds_and_does_not_multiply(shop: Testbed):
    run = shop.experiment(SLOW_STOCK, load=USERS, **SHORT)
    run.check(all=[statuses(200), max_latency(under_ms=2000), retry_amplification("stock", at_most=3)])


def test_two_layers_of_retries_multiply(shop: Testbed):
    with shop.override_policies({"page -> checkout": EAGER}):
        run = shop.experiment(SLOW_STOCK, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"retry_amplification\('stock', at_most=3\) for all: .*\b9\b"):
        run.check(all=[retry_amplification("stock", at_most=3)])
