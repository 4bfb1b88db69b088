"""Idempotency: a payment that is tried again is booked once. See docs/patterns/idempotency.md."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    connection_reset,
    constant_rate,
    http_probe,
    post,
    probe,
    probe_effects,
    statuses,
    topology,
)

shop = topology("topology.yaml", scope="module")

SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
LOST_ANSWERS = connection_reset().on("shop -> bank", replica="bank-1")  # it books, and the answer breaks off
BOOKS = {  # both replicas have one ledger, so one of them is asked
    "payments": http_probe("bank-2", "/ledger", json="payments", every_ms=200, unit="rows"),
    "paid_twice": http_probe("bank-2", "/ledger", json="paid_twice", every_ms=200),
}


def test_a_payment_with_a_key_is_booked_once_however_often_it_is_tried(shop: Testbed):
    run = shop.experiment(LOST_ANSWERS, load=constant_rate(post("/pay"), rps=30), probes=BOOKS, **SHORT)
    run.check(all=[statuses(200), probe_effects("payments"), probe("paid_twice", equals=0, reading="change")])


def test_a_payment_without_a_key_is_booked_twice_and_nobody_notices(shop: Testbed):
    run = shop.experiment(LOST_ANSWERS, load=constant_rate(post("/pay-blindly"), rps=30), probes=BOOKS, **SHORT)
    run.check(all=[statuses(200)])
    with pytest.raises(NotContained, match=r"(?s)probe_effects\('payments'\).*at\s+least\s+\d+\s+are\s+duplicates"):
        run.check(all=[probe_effects("payments"), probe("paid_twice", equals=0, reading="change")])
