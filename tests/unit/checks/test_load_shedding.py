"""The load_shedding check: some calls are rejected, each quickly, and the p99 of the accepted is in time."""

import pytest

from testbed.checks import load_shedding
from testbed.errors import CheckError
from testbed.history.events import Call
from tests.kit.story import EDGE, Story

DOOR = "client -> frontend"


def run(shed=100, shed_ms=5.0, others_ms=80.0, n=500, code=503, other=200):
    """Tells of n calls, the first of them rejected."""
    story = Story()
    for number, request in enumerate(story.phase("hold", n, latency=20.0)):
        status, took = (code, shed_ms) if number < shed else (other, others_ms)
        story.events.append(Call(request.id, EDGE, "checkout-1", 1, request.sent, took, status, call=f"c-{request.id}"))
    return story


def test_quick_refusals_and_the_rest_in_time_hold():
    verdict = run().verdict(load_shedding(EDGE, rejects_within_ms=10, accepted_p99_ms=100))
    assert (verdict.outcome, verdict.source, verdict.n) == ("held", "caller's proxy", 500)
    assert verdict.observed == "100 of 500 calls rejected; slowest rejection 5 ms; p99 of the accepted 80 ms"
    assert verdict.bound == "rejected within 10 ms, p99 of the accepted < 100 ms"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shed_ms": 11.0}, "100 of 100 rejected calls took longer than 10 ms"),
        ({"others_ms": 120.0}, "400 of 400 accepted calls took 100 ms or more"),
        ({"other": 0}, "400 of 400 accepted calls took 100 ms or more"),
    ],
)
def test_slow_refusals_or_slow_answers_violate_it(changes, why):
    verdict = run(**changes).verdict(load_shedding(EDGE, rejects_within_ms=10, accepted_p99_ms=100))
    assert (verdict.outcome, verdict.why) == ("violated", why)


def test_a_slow_testbed_may_be_why():
    story = run(others_ms=120.0)
    story.probes(0.0, 5.0, 15.0)
    assert story.verdict(load_shedding(EDGE, accepted_p99_ms=100)).outcome == "violated"
    story.probes(0.0, 5.0, 25.0)
    assert story.verdict(load_shedding(EDGE, accepted_p99_ms=100)).outcome == "inconclusive"


def test_the_loads_own_edge_is_judged_from_its_requests():
    story = Story()
    story.phase("hold", 500, latency=lambda i: 3.0 if i < 100 else 80.0, status=lambda i: 429 if i < 100 else 200)
    verdict = story.verdict(load_shedding(DOOR, rejects_within_ms=10, accepted_p99_ms=100))
    assert (verdict.outcome, verdict.source) == ("held", "load")
    late = story.verdict(load_shedding(DOOR, rejects_within_ms=2))
    assert late.outcome == "violated"
    assert late.next.startswith("request hold-")


def test_if_nothing_was_shed_it_is_inconclusive_unless_everybody_waited():
    verdict = run(shed=0).verdict(load_shedding(EDGE, rejects_within_ms=10, accepted_p99_ms=100))
    assert (verdict.outcome, verdict.why) == (
        "inconclusive",
        "0 of 500 calls were rejected with 429 or 503 (at least 1 needed)",
    )
    assert run(shed=0, others_ms=900.0).verdict(load_shedding(EDGE, accepted_p99_ms=100)).outcome == "violated"


def test_if_everything_was_shed_nothing_shows_the_time_of_the_others():
    verdict = run(shed=500).verdict(load_shedding(EDGE, accepted_p99_ms=100))
    assert (verdict.outcome, verdict.why) == ("inconclusive", "every call was rejected, so there is no accepted call")


def test_too_few_calls_prove_no_p99():
    verdict = run(n=200).verdict(load_shedding(EDGE, accepted_p99_ms=100))
    assert verdict.outcome == "inconclusive"
    assert "a proof needs 299 calls with at most 0 slow ones" in verdict.why


def test_the_statuses_can_be_named():
    assert run(code=418).verdict(load_shedding(EDGE, rejects_within_ms=10, statuses=(418,))).outcome == "held"
    assert run(code=418).verdict(load_shedding(EDGE, rejects_within_ms=10)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "there is no bound"),
        ({"rejects_within_ms": 0}, "above 0"),
        ({"accepted_p99_ms": "9"}, "above 0"),
        ({"rejects_within_ms": 9, "statuses": ()}, "statuses is a tuple"),
        ({"rejects_within_ms": 9, "statuses": 503}, "statuses is a tuple"),
        ({"rejects_within_ms": 9, "statuses": ("503",)}, "whole number"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        load_shedding(EDGE, **bounds)
