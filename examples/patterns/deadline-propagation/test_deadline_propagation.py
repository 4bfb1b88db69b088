"""Deadline propagation: who calls says how long it waits, and nobody begins work that comes too late.

See docs/patterns/deadline-propagation.md.
"""

import pytest

from testbed import (
    NotContained,
    Testbed,
    call_duration,
    constant_rate,
    deadline_propagation,
    delay,
    get,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
SLOW_STOCK = delay(ms=1500).on(service="stock")


def test_nothing_is_reserved_for_those_who_have_left(shop: Testbed):
    run = shop.experiment(SLOW_STOCK, load=constant_rate(get("/"), rps=20), **SHORT)
    run.check(all=[deadline_propagation(grace_ms=300), statuses(200), call_duration("front -> orders", under_ms=1200)])


def test_a_service_that_knows_no_deadline_reserves_for_nobody(shop: Testbed):
    run = shop.experiment(SLOW_STOCK, load=constant_rate(get("/careless"), rps=20), **SHORT)
    with pytest.raises(
        NotContained, match=r"deadline_propagation\('careless-orders -> stock'.* for all: \d+ of \d+ late"
    ):
        run.check(all=[deadline_propagation("careless-orders -> stock", grace_ms=300)])
