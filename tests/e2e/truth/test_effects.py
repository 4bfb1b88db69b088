"""Who repeats an order, whether a key makes it one effect, and what is never repeated."""

from contextlib import nullcontext

import pytest

from testbed import abort, at_most_once, attempts, constant_rate, get, limit_data, topology
from tests.kit.judging import verdict

pytestmark = pytest.mark.e2e

shop = topology("answers/orders.yaml", scope="module")
EDGE = "shop -> bank"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 0.8, "recover_s": 0.4}
BY_KEY = at_most_once(EDGE, key="idempotency-key")
BY_FIELD = at_most_once(EDGE, key="order-id")
NO_RETRIES = {EDGE: {"retries": None}}


def ordered(shop, path, fault, retries=True):
    with shop.override_policies(NO_RETRIES) if not retries else nullcontext():
        return shop.experiment(fault.on(EDGE), load=constant_rate(get(path), rps=15), **SHORT)


def test_planted_the_app_orders_again_with_a_new_key(shop):
    run = ordered(shop, "/new", abort(503), retries=False)
    for check in (at_most_once(EDGE), BY_KEY, BY_FIELD):
        found = verdict(run, check)
        assert found.outcome == "violated"
        assert "shop itself made 2 calls" in found.why


def test_fixed_the_app_orders_again_with_the_same_key(shop):
    run = ordered(shop, "/same", abort(503), retries=False)
    assert [verdict(run, check).outcome for check in (BY_KEY, BY_FIELD)] == ["held", "held"]
    assert verdict(run, at_most_once(EDGE)).outcome == "violated"


def test_planted_the_proxy_orders_again(shop):
    run = ordered(shop, "/once", abort(503))
    found = verdict(run, at_most_once(EDGE))
    assert (found.outcome, "the proxy of shop repeated it once (attempts of one call" in found.why) == (
        "violated",
        True,
    )
    assert verdict(run, BY_KEY).outcome == "held"  # both attempts have the key of the call


def test_wrong_an_order_beyond_the_buffer_is_not_put_to_the_test(shop):
    run = ordered(shop, "/big", limit_data(bytes=0))
    found = verdict(run, at_most_once(EDGE))
    assert (found.outcome, "not put to the test" in found.why) == ("inconclusive", True)
    assert "retry buffer of the proxy" in verdict(run, attempts(EDGE, exactly=2)).why


def test_planted_the_headers_by_which_an_app_overrides_its_policy_are_named(shop):
    run = ordered(shop, "/steer", abort(503), retries=False)
    found = verdict(run, attempts(EDGE, exactly=1))
    assert found.outcome == "violated"
    for header in ("x-envoy-max-retries: 2", "x-envoy-retry-on: 5xx"):
        assert f"shop itself overrides the policy of {EDGE} with {header}" in found.why
