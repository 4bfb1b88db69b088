"""What was out of bounds before the fault already is said with the verdict: it is not its cause, or not alone."""

from dataclasses import replace

import pytest

from testbed.checks import attempts, availability, call_duration, contained, fallback, max_latency, recovery, statuses
from testbed.history.events import Attempt, Call, FaultEvent, Request
from tests.kit.story import EDGE, Story


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


@pytest.mark.parametrize(("before", "said"), [((), False), ((7,), True)])
@pytest.mark.parametrize(
    ("check", "found"),
    [
        (recovery(within_s=0.1), "1 of 399 requests failed (503 x 1) before the fault"),
        (contained(within_s=4.5), "1 of 20 users affected"),
    ],
    ids=["recovery", "contained"],
)
def test_a_claim_that_counts_from_a_fault_asks_for_no_failure_before_it(check, found, before, said):
    story = told(before=before)
    story.events = [replace(e, status=503) if getattr(e, "id", "").startswith("recover") else e for e in story.events]
    verdict = story.verdict(check)
    assert verdict.outcome == "violated"
    assert verdict.why.startswith(f"the steady state did not hold: {found}") is said


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


def hung(story, phase):
    """Let every request of a phase time out, and its call with it."""
    for place, event in enumerate(story.events):
        if isinstance(event, Request) and event.phase == phase:
            story.events[place] = replace(event, status=0, error="timeout", latency_ms=900.0)
        if isinstance(event, Attempt | Call) and event.request.startswith(phase):
            story.events[place] = replace(event, status=0, outcome="timeout", duration_ms=900.0)
    return story


def test_a_steady_state_that_the_testbed_may_have_broken_is_kept_with_that_doubt():
    story = hung(told(status=lambda i: 503 if i < 100 else 200), "baseline")
    story.probes(0.0, 4.0, 800.0)
    verdict = story.verdict(statuses(200))
    assert verdict.outcome == "violated"
    assert verdict.why.startswith("the steady state did not hold: no answer (timeout) x ")
    assert "(the testbed itself may have broken some of these requests: in the time before the fault" in verdict.why


def test_it_is_also_said_where_the_verdict_itself_is_in_doubt():
    story = hung(hung(told(), "baseline"), "hold")
    story.events = [
        replace(e, text="delay(ms=1)", name="delay") if isinstance(e, FaultEvent) else e for e in story.events
    ]
    story.probes(0.0, 12.0, 800.0)
    verdict = story.verdict(contained())
    assert verdict.outcome == "inconclusive"
    assert "; the steady state did not hold: 20 of 20 users affected" in verdict.why
