"""Outlier ejection with few hosts: the bad replica is left out. See docs/patterns/outlier-ejection.md."""

import pytest

from testbed import NotContained, Testbed, constant_rate, contained, get, outage, outlier_ejection, topology

shop = topology("topology.yaml", scope="module")

EDGE = "page -> search"
USERS = constant_rate(get("/"), rps=40)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 2.5, "recover_s": 0.5}
ONE_BAD_REPLICA = outage("search", replicas=1, kind="erroring")


def test_one_bad_replica_of_three_is_left_out(shop: Testbed):
    run = shop.experiment(ONE_BAD_REPLICA, load=USERS, **SHORT)
    run.check(all=[outlier_ejection(EDGE, within_s=1.5), contained(within_s=1.5)])


@pytest.mark.control("10 % of three replicas is none, so the default ejects nobody, which is the mistake")
def test_by_default_nobody_is_ejected_below_ten_replicas(shop: Testbed):
    with shop.override_policies({EDGE: {"outlierDetection": {"maxEjectionPercent": 10}}}):
        run = shop.experiment(ONE_BAD_REPLICA, load=USERS, **SHORT)
    with pytest.raises(
        NotContained, match=r"(?s)outlier_ejection\('page -> search'.* 0\s+ejected,\s+[1-9]\d*\s+not\s+allowed"
    ):
        run.check(all=[outlier_ejection(EDGE, within_s=1.5)])
