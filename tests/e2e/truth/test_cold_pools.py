"""A change of policies restarts a proxy, whose pool is cold then: a low limit refuses calls, and that is said."""

import pytest

from testbed import constant_rate, get, statuses, topology
from testbed.errors import NotContained

pytestmark = pytest.mark.e2e
low = topology("cold_pools/topology.yaml", scope="module")
EDGE = "front -> api"
SAID = ("of", "the", "first", "call", "of", "front-1/proxy", "after", "its", "restart", r"\(policy", "change")
enough = topology(
    "cold_pools/topology.yaml",
    policies={EDGE: {"circuitBreaker": {"maxConnections": 50, "maxPendingRequests": 20}}},
    scope="module",
)


def judged_after_a_swap(shop):
    with shop.load(constant_rate(get("/"), rps=8)) as traffic:
        traffic.run(for_s=0.5, phase="old")
        with shop.override_policies({EDGE: {"timeout": "5s"}}):
            traffic.run(for_s=1, phase="new")
    return traffic.result().check(all=[statuses(200).during("new")])


def test_planted_a_limit_that_a_cold_pool_trips(low):
    with pytest.raises(NotContained, match=r"\s+".join(SAID)):
        judged_after_a_swap(low)


def test_fixed_a_limit_with_room_for_a_cold_pool(enough):
    judged_after_a_swap(enough)
