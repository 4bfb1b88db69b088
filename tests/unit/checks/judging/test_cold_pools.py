"""Refusals of a limit by a pool that was just begun are told from those of a pool that is full."""

from dataclasses import replace

import pytest

from testbed.checks import statuses
from testbed.history.events import Attempt, Call, PolicyEvent, ProcessEvent
from tests.kit.story import EDGE, EPOCH, SHOP, Story

LIMITED = {**SHOP, "policies": [{"edge": EDGE, "circuitBreaker": {"maxConnections": 3, "maxPendingRequests": 1}}]}
SAID = "its pool had no connections yet, or few"


def refused(at, number=0):
    call = Call(f"hold-{number}", EDGE, "checkout-1", 0, EPOCH + at, 0.5, 503, "UO", refused=True)
    return replace(call, outcome="breaker_open")


def told(*events, shop=LIMITED):
    story = Story(topology=shop)
    story.phase("warm-up", 50)
    story.phase("hold", 400, status=lambda n: 503 if n < 9 else 200)
    story.events += events
    verdict = story.verdict(statuses(200))
    assert verdict.outcome == "violated"
    return verdict.why


def sent(at, number=0, lasted_ms=50.0):
    made = Attempt(f"hold-{number}", EDGE, "checkout-1", "pricing-1", 1, EPOCH + at, lasted_ms, 200)
    return made, Call(f"hold-{number}", EDGE, "checkout-1", 1, EPOCH + at, lasted_ms, 200)


def test_refusals_right_after_a_change_of_policies_are_those_of_a_cold_pool():
    swap = PolicyEvent(EPOCH + 0.9, EDGE, LIMITED)
    why = told(*sent(0.1), swap, *sent(1.0, 1), refused(1.001, 2), refused(1.095, 3), refused(3.5, 4))
    begun = "of the first call of checkout-1/proxy after its restart (policy change)"
    assert f"2 of 3 refusals on {EDGE} came within 100 ms {begun}: {SAID}" in why


def test_a_change_back_restarts_the_same_proxies():
    swaps = PolicyEvent(EPOCH + 0.2, EDGE, LIMITED), PolicyEvent(EPOCH + 0.9, "restored", LIMITED)
    assert f"(policy change): {SAID}" in told(*sent(0.1), *swaps, *sent(1.0, 1), refused(1.001, 2))
    assert SAID not in told(*sent(0.1), PolicyEvent(EPOCH + 0.9, "frontend -> checkout", LIMITED), refused(1.5, 2))


def test_the_first_calls_of_a_run_and_of_a_proxy_that_was_killed():
    assert f"within 10 ms of the first call of checkout-1/proxy: {SAID}" in told(*sent(0.6), refused(0.601, 2))
    again = ProcessEvent(EPOCH + 2, "checkout-1/proxy", "started")
    assert f"checkout-1/proxy after its restart: {SAID}" in told(*sent(0.1), again, *sent(2.1, 1), refused(2.12, 2))


@pytest.mark.parametrize("limits", [{"maxRequests": 1}, {"maxRetries": 1}])
def test_a_limit_that_counts_no_connections_knows_no_cold_pool(limits):
    shop = {**SHOP, "policies": [{"edge": EDGE, "circuitBreaker": limits}]}
    assert SAID not in told(*sent(0.6), refused(0.601, 2), shop=shop)


def test_a_pool_that_is_full_or_old_is_not_cold():
    full = [event for number in range(3) for event in sent(0.6 + number / 1000, number)]
    assert SAID not in told(*full, refused(0.62, 5))
    assert SAID in told(*full[:4], refused(0.62, 5))
    assert SAID not in told(*sent(0.1), refused(1.5, 2))
