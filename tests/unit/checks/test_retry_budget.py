from dataclasses import replace

import pytest

from testbed.checks import retry_budget
from testbed.errors import CheckError
from testbed.history.events import Attempt, RunInfo
from testbed.spec.topology import Topology
from tests.kit.story import EDGE, SHOP, Story

BUDGET = {"edge": EDGE, "retryBudget": {"percent": 50, "minRetryConcurrency": 2}}
LIMIT = {"edge": EDGE, "circuitBreaker": {"maxRetries": 2}}


def story(policy=None):
    return Story(topology=SHOP | {"policies": [policy]} if policy else SHOP)


def told(retried, n=100, policy=None):
    """n calls in one second, of which those chosen are tried again, one after the other."""
    told = story(policy)
    requests = told.phase("hold", n)
    told.fault(0.0, n / 100)
    told.attempts(requests, lambda i: 2 if retried(i) else 1)
    return told


def at_once(retries, others=0, policy=BUDGET):
    """So many calls fail in the same instant and are retried 10 ms later, while others are under way."""
    told = story(policy)
    requests = told.phase("hold", retries + others, rps=10)
    failed = told.now - 0.05
    for i, request in enumerate(requests):
        first = Attempt(request.id, EDGE, "checkout-1", "pricing-1", 1, failed - 0.02, 20.0, 503, call=f"call-{i}")
        if i < retries:
            told.events += [first, replace(first, number=2, start=failed + 0.01, status=200)]
        else:
            told.events.append(replace(first, duration_ms=1000.0, status=200))
    return told


def test_a_number_in_all_holds_up_to_the_bound():
    check = retry_budget(EDGE, percent=20)
    held = told(lambda i: i < 20).verdict(check)
    assert (held.outcome, held.observed, held.margin) == ("held", "retries: 20, allowed: 20", "0 to spare")
    assert held.bound == "in total <= 20 % of the requests"
    violated = told(lambda i: i < 21).verdict(check)
    assert (violated.outcome, violated.margin) == ("violated", "1 too many")
    assert violated.next.startswith("checkout -> pricing, pricing-1, attempt 2")


def test_the_floor_comes_on_top_of_the_share():
    check = retry_budget(EDGE, percent=20, floor=5)
    assert check.bound == "in total <= 20 % of the requests and 5 more"
    assert told(lambda i: i < 25).verdict(check).outcome == "held"
    assert told(lambda i: i < 26).verdict(check).outcome == "violated"
    assert told(lambda i: i < 3).verdict(retry_budget(EDGE, floor=3)).outcome == "held"
    assert told(lambda i: i < 1).verdict(retry_budget(EDGE, floor=0)).outcome == "violated"


def test_a_burst_is_within_the_budget_of_the_whole_but_not_of_its_window():
    burst = told(lambda i: 50 <= i < 60)
    assert burst.verdict(retry_budget(EDGE, percent=20)).outcome == "held"
    verdict = burst.verdict(retry_budget(EDGE, percent=20, window_s=0.2))
    assert (verdict.outcome, verdict.bound) == ("violated", "in any 0.2 s <= 20 % of the requests")
    assert told(lambda i: i % 10 == 9).verdict(retry_budget(EDGE, percent=20, window_s=0.2)).outcome == "held"


@pytest.mark.parametrize(("retries", "others"), [(2, 0), (4, 4), (5, 5)])
def test_what_is_under_way_at_once_holds(retries, others):
    # In the instant in which the tries fail each of them still counts as under way: in doubt for the proxy.
    assert at_once(retries, others).verdict(retry_budget(EDGE)).outcome == "held"


def test_too_many_at_once_for_the_policys_budget():
    verdict = at_once(10).verdict(retry_budget(EDGE))
    assert (verdict.outcome, verdict.observed, verdict.margin) == ("violated", "retries: 10, allowed: 5", "5 too many")
    assert verdict.bound == "at the same time <= 50 % of the requests or 2"
    assert verdict.why == "5 of 10 retries exceeded the budget when they were made"


def test_requests_under_way_allow_more():
    assert at_once(10, 10).verdict(retry_budget(EDGE)).outcome == "held"


def test_retries_one_after_the_other_are_never_many_at_once():
    assert told(lambda i: True, policy=LIMIT).verdict(retry_budget(EDGE)).outcome == "held"
    assert at_once(3, policy=LIMIT).verdict(retry_budget(EDGE)).outcome == "violated"
    assert at_once(2, policy=LIMIT).verdict(retry_budget(EDGE)).bound == "at the same time <= 2"


def test_a_budget_at_once_may_be_given():
    check = retry_budget(EDGE, percent=20, floor=3, at_once=True)
    assert at_once(3, policy=None).verdict(check).outcome == "held"
    assert at_once(4, policy=None).verdict(check).outcome == "violated"


def test_another_proxy_has_a_budget_of_its_own():
    told = at_once(4, policy=LIMIT)
    told.events = [
        replace(e, caller="checkout-2") if isinstance(e, Attempt) and e.call in ("call-0", "call-1") else e
        for e in told.events
    ]
    assert told.verdict(retry_budget(EDGE)).outcome == "held"


def test_replicas_on_one_node_share_the_budget_of_its_proxy():
    def on_nodes(*nodes):
        checkout = {"language": "go", "replicas": 2, "calls": ["pricing"], "node": list(nodes)}
        services = {"checkout": checkout, "pricing": {"language": "go"}}
        data = {"name": "x", "entry": "checkout", "services": services, "placement": "node", "nodes": 2}
        told = at_once(4, policy=LIMIT)
        recorded = Topology.model_validate(data | {"policies": [LIMIT]}).model_dump(mode="json", by_alias=True)
        told.events = [replace(e, topology=recorded) if isinstance(e, RunInfo) else e for e in told.events]
        told.events = [
            replace(e, caller="checkout-2") if isinstance(e, Attempt) and e.call in ("call-0", "call-1") else e
            for e in told.events
        ]
        return told.verdict(retry_budget(EDGE)).outcome

    assert on_nodes(1, 1) == "violated"
    assert on_nodes(1, 2) == "held"


def test_without_retries_nothing_was_spent():
    verdict = told(lambda i: False).verdict(retry_budget(EDGE, percent=20))
    assert (verdict.outcome, verdict.observed) == ("held", "no retry in 100 attempts")


def test_an_unused_edge_proves_nothing():
    told = story()
    told.phase("hold", 5)
    verdict = told.verdict(retry_budget(EDGE, percent=20))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "0 of 5 requests used checkout -> pricing (at least 1 needed)"


def test_arrivals_do_not_show_retries():
    told = Story(sources=("requests", "arrivals"))
    told.phase("hold", 5)
    verdict = told.verdict(retry_budget(EDGE, percent=20))
    assert (verdict.outcome, "does not record attempts" in verdict.why) == ("inconclusive", True)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"percent": -1}, "percent must be a number above 0"),
        ({"floor": -1}, "floor must be a whole number"),
        ({"percent": 20, "window_s": 0}, "window_s must be a number above 0"),
        ({"window_s": 10}, "need a budget: give percent= or floor="),
        ({"at_once": True}, "need a budget: give percent= or floor="),
        ({"percent": 20, "at_once": True, "window_s": 10}, "at_once= has no window"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        retry_budget(EDGE, **bounds)


def test_a_policy_without_a_budget_is_refused():
    with pytest.raises(CheckError, match="the policy of checkout -> pricing has no budget"):
        told(lambda i: False).verdict(retry_budget(EDGE))
    with pytest.raises(CheckError, match="the load sends every request once"):
        told(lambda i: False).verdict(retry_budget("client -> frontend", percent=20))


def test_wrong_a_budget_for_the_retries_of_a_policy_that_makes_none():
    stubs = {name: {"language": "go", **service} for name, service in SHOP["services"].items()}
    for policy, outcome in ({"edge": EDGE, "timeout": 500.0}, "inconclusive"), (SHOP["policies"][0], "held"):
        told = Story(topology=SHOP | {"services": stubs, "policies": [policy]})
        told.attempts(told.phase("hold", 100))
        verdict = told.verdict(retry_budget(EDGE, percent=20))
        assert verdict.outcome == outcome
        assert ("the policy of checkout -> pricing makes no retry" in verdict.why) == (outcome == "inconclusive")
