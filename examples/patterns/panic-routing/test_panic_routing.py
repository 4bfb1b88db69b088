"""Panic routing: when so many replicas are ejected that the proxy sends to them all the same.

See docs/patterns/panic-routing.md.
"""

import pytest

from testbed import NotContained, Testbed, constant_rate, contained, get, outage, outlier_ejection, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> stock"
USERS = constant_rate(get("/"), rps=40, users=40)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2.5, "recover_s": 0.3}
ONE_OF_TWO_FAILS = outage("stock", replicas=1, kind="erroring")


def test_the_replica_that_fails_is_left_out(shop: Testbed):
    run = shop.experiment(ONE_OF_TWO_FAILS, load=USERS, **SHORT)
    run.check(all=[outlier_ejection(EDGE, within_s=1.2), contained(within_s=1.2, at_most=10)])


@pytest.mark.control("an ejection that has no effect is as good as none, which is the mistake")
def test_with_a_threshold_for_large_fleets_the_ejected_replica_gets_its_half_all_the_same(shop: Testbed):
    with shop.override_policies({EDGE: {"outlierDetection": {"minHealthPercent": 60}}}):
        run = shop.experiment(ONE_OF_TWO_FAILS, load=USERS, **SHORT)
    with pytest.raises(NotContained, match=r"(?s)stock-1: \d+ attempts later than 1\.2 s.*in\s+panic"):
        run.check(all=[outlier_ejection(EDGE, within_s=1.2)])
