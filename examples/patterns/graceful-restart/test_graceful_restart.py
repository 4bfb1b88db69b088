"""Graceful restart: finish what has begun, and let others take what is new. See docs/patterns/graceful-restart.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    at_most_once,
    constant_rate,
    graceful_restart,
    post,
    rolling,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2.2, "recover_s": 0}


def release(service):
    """A new version goes through the service, one replica after the other."""
    return rolling(graceful_restart(within_s=5).on(service=service), every_s=0.3).after(s=0.3)


def test_a_release_costs_no_order_and_doubles_none(shop: Testbed):
    run = shop.experiment(release("orders"), load=constant_rate(post("/"), rps=30), **SHORT)
    run.check(all=[statuses(200), at_most_once("front -> orders")])


def test_a_service_that_ends_at_once_leaves_orders_to_be_placed_again(shop: Testbed):
    run = shop.experiment(release("abrupt-orders"), load=constant_rate(post("/abrupt"), rps=30), **SHORT)
    with pytest.raises(NotContained, match=r"at_most_once\('front -> abrupt-orders'\) for all: 1 to \d"):
        run.check(all=[at_most_once("front -> abrupt-orders")])
