"""Timeout: who waits for a slow service, and for how long. See docs/patterns/timeout.md."""

import pytest

from testbed import NotContained, Testbed, delay, fallback, get, gives_up, only_statuses, slowest, steady, topology

page = topology("topology.yaml", scope="module")
patient_page = topology("topology.yaml", scope="module", policies={"page -> reviews": {"timeout": "15s"}})

EDGE = "page -> reviews"
USERS = steady(get("/"), rps=30)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0.5}
SLOW_REVIEWS = delay(ms=2500).on(EDGE)


def test_slow_reviews_cost_the_reviews_and_nothing_else(page: Testbed):
    run = page.experiment(SLOW_REVIEWS, load=USERS, **SHORT)
    run.check(all=[only_statuses(200), fallback("no-reviews"), gives_up(EDGE, within_ms=1200), slowest(under_ms=1500)])


@pytest.mark.control("15 s, Envoy's default, is more than users bear: it is as good as none, which is the mistake")
def test_with_the_default_timeout_everyone_waits_for_the_reviews(patient_page: Testbed):
    run = patient_page.experiment(SLOW_REVIEWS, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"slowest\(under_ms=1500\) for all: [2-9],\d{3} ms"):
        run.check(all=[only_statuses(200), slowest(under_ms=1500)])
