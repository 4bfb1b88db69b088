"""The culprit is shown: the store behind a tcp edge, the slow hop below a timeout, the one that fills a pool."""

from __future__ import annotations

from typing import Any

import pytest

from testbed import constant_rate, contained, delay, get, stall, topology
from testbed.checks import Verdict
from testbed.errors import NotContained

pytestmark = pytest.mark.e2e

shop = topology("culprit/topology.yaml", scope="module")
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 1.2, "recover_s": 0.2}
STORE, DEEP = "front -> cache", "mid -> deep"
SLOW = delay(ms=1500).on(DEEP)
BOUNDED = {DEEP: {"timeout": "60ms"}}


def load(path: str, rps: float = 10, timeout_s: float = 3) -> Any:
    return constant_rate(get(path), rps=rps, timeout_s=timeout_s)


def violated(run: Any) -> Verdict:
    with pytest.raises(NotContained):
        run.check(all=[contained(per="requests")])
    return run.reports[-1].verdicts[0]


def test_planted_a_store_that_is_asked_without_a_timeout_is_named_with_its_connections(shop):
    found = violated(shop.experiment(stall().on(STORE), load=load("/store", timeout_s=1), **SHORT))
    assert f"all on {STORE}" in found.observed
    assert f"connections on {STORE} while a fault was in force" in found.next
    assert "0 refused" in found.next


def test_fixed_a_store_that_is_asked_with_a_timeout_is_contained(shop):
    shop.experiment(stall().on(STORE), load=load("/store/careful"), **SHORT).check(all=[contained(per="requests")])


def test_planted_the_slow_hop_is_the_place_and_the_timeout_above_it_the_policy(shop):
    found = violated(shop.experiment(SLOW, load=load("/deep", rps=1.5), **SHORT))
    assert f"on {DEEP}" in found.observed
    assert found.edge == DEEP
    assert found.policy.startswith("front -> mid: {timeout: 800ms} (its timeout ended ")
    assert found.next.splitlines()[1].startswith(f"  {DEEP}, deep-1, attempt 1: ")


def test_planted_a_full_pool_names_the_hop_that_fills_it(shop):
    found = violated(shop.experiment(SLOW, load=load("/both", rps=20), **SHORT))
    assert f"on {DEEP}" in found.observed
    assert DEEP in found.next.splitlines()[1]
    assert "503" in found.why  # those that found no slot, without a call of their own to deep


def test_fixed_with_a_timeout_at_the_slow_hop_all_of_it_is_contained(shop):
    with shop.override_policies(BOUNDED):
        run = shop.experiment(SLOW, load=load("/both", rps=5), **SHORT)
    run.check(all=[contained(per="requests", at_most=1)])
