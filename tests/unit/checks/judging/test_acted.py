"""Which policies acted on the requests, and with which words they are named."""

from dataclasses import replace

import pytest

from testbed.checks import contained, statuses
from testbed.history.events import Call
from testbed.history.outcomes import BROKEN_OFF, CLIENT_GONE, LIMIT, NO_HOST, TIMEOUT
from tests.kit.blame import Planted, system
from tests.kit.story import EDGE, faulty

CHAIN = ("front -> mid", "mid -> deep")


def place(run):
    """The place in the verdict of `contained`."""
    return run.red(contained()).observed.partition("all on ")[2].partition(", for")[0]


def failing(topology=None, status=504, **changes):
    """A run whose first request of the hold failed."""
    topology = topology or system(*CHAIN, front_mid=500.0)
    return Planted(topology, "mid -> deep", status=lambda i: status if i == 0 else 200, **changes)


def test_a_timeout_above_a_slow_hop_is_the_policy_that_acted():
    run = Planted(
        system(*CHAIN, front_mid=500.0, mid_deep=2000.0), "mid -> deep", status=lambda i: 504 if i == 0 else 200
    )
    run.hop("front -> mid", ms=500, status=504, outcome=TIMEOUT)
    run.hop("mid -> deep", ms=499, status=0, outcome=CLIENT_GONE)
    verdict = run.red(statuses(200))
    assert place(run) == verdict.edge == "mid -> deep"
    assert verdict.policy == "front -> mid: {timeout: 500ms} (its timeout ended 1 call)"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [(LIMIT, "its circuit breaker refused 1 call"), (NO_HOST, "all hosts were ejected for 1 call")],
)
def test_a_refusal_by_the_proxy_is_named(outcome, words):
    run = Planted(system(*CHAIN, front_mid=500.0), "mid -> deep", status=lambda i: 503 if i == 0 else 200)
    run.hop("front -> mid", ms=1, status=503, outcome=outcome, tries=0, refused=True)
    verdict = run.red(statuses(200))
    assert place(run) == "front -> mid"
    assert verdict.policy == f"front -> mid: {{timeout: 500ms}} ({words})"
    assert "front -> mid from front-1" in verdict.next


def test_retries_are_the_policy_that_acted_on_the_edge_of_the_fault():
    verdict = faulty(5, tries=3, status=503).verdict(statuses(200))
    assert verdict.edge == EDGE
    assert verdict.policy.endswith("retryOn: [5xx, reset]}} (10 retries)")


def test_an_app_that_gives_up_before_its_proxy_is_named():
    run = failing(system(*CHAIN, mid_deep=1000.0), 502)
    run.hop("front -> mid", ms=310, status=502)
    run.hop("mid -> deep", ms=300, status=0, outcome=CLIENT_GONE)
    assert run.red(statuses(200)).policy == "{timeout: 1s} (mid itself gave up 1 call)"


def test_the_entry_gives_up_itself_only_while_the_user_waits():
    run = failing(system("mid -> deep", mid_deep=1000.0), 504)
    run.hop("mid -> deep", ms=300, status=0, outcome=CLIENT_GONE)
    assert run.red(statuses(200)).policy.endswith("(mid itself gave up 1 call)")
    gone = failing(system("mid -> deep", mid_deep=9000.0), 0, latency=lambda i: 2000.0 if i == 0 else 20.0)
    gone.hop("mid -> deep", ms=1999, status=0, outcome=CLIENT_GONE)
    assert gone.red(statuses(200)).policy == "{timeout: 9s}"


def test_a_call_that_ended_with_a_try_of_its_caller_was_not_given_up_by_the_app():
    run = failing()
    run.hop("front -> mid", ms=500, status=504, outcome=TIMEOUT)
    run.hop("mid -> deep", ms=495, status=0, outcome=CLIENT_GONE)
    assert "gave up" not in run.red(statuses(200)).policy


def test_a_branch_that_was_cancelled_was_not_given_up():
    run = failing(system("front -> a", "front -> b", "mid -> deep"), 503)
    run.hop("front -> a", ms=30, status=0, outcome=CLIENT_GONE)
    run.hop("front -> b", ms=28, status=503)
    assert "gave up" not in run.red(statuses(200)).policy


def test_a_timeout_that_ends_an_answer_in_its_middle_is_the_policy_that_acted():
    run = Planted(system("front -> mid", front_mid=500.0), "front -> mid", status=lambda i: 500 if i == 0 else 200)
    run.hop("front -> mid", ms=500, status=200, outcome=BROKEN_OFF)
    run.events = [replace(one, flags="UT") if isinstance(one, Call) and not one.whole else one for one in run.events]
    assert run.red(statuses(200)).policy == "{timeout: 500ms} (its timeout ended 1 call)"
