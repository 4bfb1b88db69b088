"""Timeout: who waits for a slow service, and for how long. See docs/patterns/timeout.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    call_duration,
    constant_rate,
    delay,
    fallback,
    get,
    max_latency,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

EDGE = "page -> reviews"
USERS = constant_rate(get("/"), rps=30)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.2, "recover_s": 0}
SLOW_REVIEWS = delay(ms=1500).on(EDGE)


def test_slow_reviews_cost_the_reviews_and_nothing_else(shop: Testbed):
    run = shop.experiment(SLOW_REVIEWS, load=USERS, **SHORT)
    run.check(
        all=[statuses(200), fallback("no-reviews"), call_duration(EDGE, under_ms=900), max_latency(under_ms=1100)]
    )


@pytest.mark.control("15 s, Envoy's default, is more than users bear: it is as good as none, which is the mistake")
def test_with_envoys_default_everyone_waits_for_the_reviews(shop: Testbed):
    with shop.override_policies({EDGE: {"timeout": "15s"}}):
        run = shop.experiment(SLOW_REVIEWS, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"max_latency\(under_ms=1100\) for all: [1-9],\d{3} ms"):
        run.check(all=[statuses(200), max_latency(under_ms=1100)])
