"""What was out of bounds before the fault already is said with the verdict: it is not its cause, or not alone."""

from dataclasses import replace

import pytest

from testbed.checks import attempts, availability, call_duration, contained, fallback, max_latency, recovery, statuses
from testbed.history.events import FaultEvent, Sample
from tests.kit.story import EDGE, EPOCH, Story


def told(*, before=(), status=503, latency=20.0):
    """Four seconds of baseline, in which these requests fail, then four seconds in which all fail under a fault."""
    story = Story()
    early = story.phase("baseline", 400, status=lambda i: 503 if i in before else 200, latency=latency)
    late = story.phase("hold", 400, status=status)
    story.fault(4.0, 8.0)
    story.attempts([*early, *late], 3)
    story.phase("recover", 100)
    return story


SAID = "the steady state did not hold: 200 x 398, 503 x 1 before the fault, so the fault is not the only cause; "


def test_a_violation_before_the_fault_is_mentioned_first():
    verdict = told(before=(7,)).verdict(statuses(200))
    assert verdict.outcome == "violated"
    assert verdict.why.startswith(SAID)
    assert verdict.observed == "503 x 400"


@pytest.mark.parametrize(
    "check",
    [
        attempts(EDGE, at_most=2),
        availability(at_least_percent=100),
        contained(),
        call_duration(EDGE, under_ms=10),
        statuses(200),
        max_latency(under_ms=10),
    ],
)
def test_every_check_that_can_be_asked_of_the_baseline_says_it(check):
    verdict = told(before=(7,)).verdict(check)
    assert verdict.outcome == "violated"
    assert verdict.why.startswith("the steady state did not hold: ")


def test_a_steady_state_that_held_is_not_mentioned():
    verdict = told().verdict(statuses(200))
    assert (verdict.outcome, verdict.why) == ("violated", "400 requests of 400 ended with another status: 503 x 400")


@pytest.mark.parametrize("check", [availability(at_least_percent=99), contained(at_most=1)])
def test_what_was_within_the_bound_before_the_fault_is_no_excuse(check):
    assert "steady state" not in told(before=(7,)).verdict(check).why


@pytest.mark.parametrize(
    "check",
    [
        fallback("list-price"),  # a reaction: without a fault it cannot hold
        statuses(200).during("baseline"),  # judged there itself
    ],
)
def test_some_checks_are_not_asked_twice(check):
    verdict = told(before=(7,)).verdict(check)
    assert verdict.outcome == "violated"
    assert "steady state" not in verdict.why


def test_a_recovery_cannot_be_asked_of_the_baseline():
    story = told(before=(7,))
    story.events = [replace(e, status=503) if getattr(e, "id", "").startswith("recover") else e for e in story.events]
    verdict = story.verdict(recovery(within_s=0.1))
    assert (verdict.outcome, "steady state" in verdict.why) == ("violated", False)


@pytest.mark.parametrize(("user", "said"), [("u3", False), ("u7", True)])
def test_the_same_users_are_asked(user, said):
    story = told(before=(7,))
    story.events = [replace(e, users=(user,)) if isinstance(e, FaultEvent) else e for e in story.events]
    assert ("steady state" in story.verdict(statuses(200), "affected").why) is said


def test_before_the_fault_all_requests_are_judged_instead_of_touched_ones():
    assert told(before=(7,)).verdict(statuses(200), "touched").why.startswith(SAID)


def test_a_run_without_a_fault_has_nothing_before_it():
    story = told(before=(7,))
    story.without(FaultEvent)
    assert "steady state" not in story.verdict(statuses(200)).why


def test_testbed_overhead_before_the_fault_is_mentioned_too():
    story = told(before=(7,))
    story.probes(0.0, 8.0, 900.0)
    verdict = story.verdict(statuses(200))
    assert (
        "so the fault is not the only cause (a timeout before the fault may have been caused by testbed overhead"
        in verdict.why
    )
    assert verdict.next.startswith(
        "the count is exact, but the 150 ms timeout may have been caused by testbed overhead"
    )
    story.events = [e for e in story.events if not (isinstance(e, Sample) and e.at < EPOCH + 5)]
    assert "then, too" not in story.verdict(statuses(200)).why
