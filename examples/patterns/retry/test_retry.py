"""Retry: one more try, elsewhere, for what may be tried again. See docs/patterns/retry.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    at_most_once,
    attempts,
    connection_reset,
    constant_rate,
    get,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

EDGE = "shop -> stock"
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
LOST_ANSWERS = connection_reset().on(EDGE, replica="stock-1")  # it does its work, and the answer breaks off
ISTIOS_DEFAULT = ["connect-failure", "refused-stream", "unavailable", "cancelled"]


def test_answers_that_get_lost_are_asked_for_again(shop: Testbed):
    run = shop.experiment(LOST_ANSWERS, load=constant_rate(get("/"), rps=30), **SHORT)
    run.check(all=[statuses(200), attempts(EDGE, at_most=2)])


def test_an_order_whose_answer_gets_lost_is_placed_twice(shop: Testbed):
    run = shop.experiment(LOST_ANSWERS, load=constant_rate(get("/order"), rps=30), **SHORT)
    run.check(all=[statuses(200)])  # nobody notices
    with pytest.raises(NotContained, match=r"(?s)at_most_once.*POST /orders\s+arrived\s+2\s+times"):
        run.check(all=[at_most_once(EDGE)])


@pytest.mark.control("what is retried unless written otherwise is no 5xx and no reset, which is the mistake")
def test_lost_answers_are_not_among_what_istio_retries_by_default(shop: Testbed):
    with shop.override_policies({EDGE: {"retries": {"retryOn": ISTIOS_DEFAULT}}}):
        run = shop.experiment(LOST_ANSWERS, load=constant_rate(get("/"), rps=30), **SHORT)
    with pytest.raises(NotContained, match=r"statuses\(200\) for all: .*503 x \d+"):
        run.check(all=[statuses(200)])
