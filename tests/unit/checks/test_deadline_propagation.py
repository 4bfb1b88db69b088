from dataclasses import replace

import pytest

from testbed.checks import deadline_propagation
from testbed.errors import CheckError
from testbed.history.events import Arrival, Attempt
from tests.kit.story import EDGE, Story, faulty


def told(begins_ms=5.0, lasts_ms=10.0, waits_ms=50.0, ends_ms=100.0, outcome="", n=20, attempt=1):
    """Each call of checkout waits so long for an arrival that begins so late and lasts so long."""
    story = Story()
    requests = story.phase("hold", n, latency=ends_ms)
    story.fault(0.0, n / 100)
    for request in requests:
        at = request.sent
        story.events.append(
            Attempt(request.id, EDGE, "checkout-1", "pricing-1", 1, at, waits_ms, 0, call=f"call-{request.id}")
        )
        begins = at + begins_ms / 1000
        arrival = Arrival(request.id, EDGE, "checkout-1", "pricing-1", attempt, begins, lasts_ms, 200)
        story.events.append(replace(arrival, outcome=outcome))
    return story


def test_work_with_a_waiting_caller_is_not_wasted():
    verdict = told().verdict(deadline_propagation(EDGE, wasted_percent=1))
    assert (verdict.outcome, verdict.margin, verdict.n) == ("held", "1 percentage points to spare", 20)
    assert verdict.observed == "0 of 20 late; wasted: 0 % of the work (0 arrivals, 0 ms)"
    assert verdict.source == "inlet and caller's proxy"


def test_work_that_begins_after_the_attempt_is_late():
    verdict = told(begins_ms=70).verdict(deadline_propagation(EDGE))
    assert (verdict.outcome, verdict.margin) == ("violated", "20 too many")
    assert verdict.observed == "20 of 20 late; wasted: 100 % of the work (20 arrivals, 200 ms)"
    assert verdict.why == (
        "work began after the caller gave up: checkout -> pricing x 20; for 0 the whole request was over"
    )
    assert verdict.next.startswith(
        "the arrival checkout -> pricing, pricing-1, attempt 1: 200 after 10 ms, 70 ms after"
    )


def test_work_that_begins_after_the_request_is_late():
    story = told(begins_ms=120, waits_ms=500)
    assert "for 20 the whole request was over" in story.verdict(deadline_propagation(EDGE)).why
    verdict = story.verdict(deadline_propagation())
    assert (verdict.outcome, verdict.edge) == ("violated", EDGE)


def test_what_is_on_its_way_when_the_caller_gives_up_is_within_the_grace():
    assert told(begins_ms=55).verdict(deadline_propagation(EDGE)).outcome == "held"
    assert told(begins_ms=55).verdict(deadline_propagation(EDGE, grace_ms=1)).outcome == "violated"


def test_a_slow_testbed_may_itself_be_why_they_are_late():
    story = told(begins_ms=70)
    story.probes(0.0, 0.2, 15.0)
    verdict = story.verdict(deadline_propagation(EDGE))
    assert verdict.outcome == "inconclusive"
    assert "the testbed was saturated" in verdict.why
    much = told(begins_ms=400)
    much.probes(0.0, 0.2, 15.0)
    assert much.verdict(deadline_propagation(EDGE)).outcome == "violated"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"status": 200}, "inconclusive"),
        ({"status": 503}, "inconclusive"),  # an error at once is nobody's deadline
        ({"status": 503, "outcome": "reset"}, "inconclusive"),
        ({"status": 504}, "held"),
        ({"status": 200, "outcome": "timeout"}, "held"),
        ({"status": 200, "outcome": "client_gone"}, "held"),
        ({"status": 200, "grpc_status": 4}, "held"),
    ],
)
def test_where_no_call_was_given_up_none_could_be_late(changes, outcome):
    story = told()
    story.events = [replace(e, **changes) if isinstance(e, Attempt) else e for e in story.events]
    verdict = story.verdict(deadline_propagation(EDGE))
    assert (verdict.outcome, "no call was given up" in verdict.why) == (outcome, outcome != "held"), verdict


def test_a_caller_further_up_may_have_given_up():
    story = told()
    story.events = [replace(e, status=200) if isinstance(e, Attempt) else e for e in story.events]
    first = next(e for e in story.events if isinstance(e, Attempt))
    up = replace(first, edge="frontend -> checkout", caller="frontend-1", callee="checkout-1", outcome="timeout")
    story.events.append(up)
    assert story.verdict(deadline_propagation(EDGE)).outcome == "held"


def test_another_attempt_may_still_wait():
    story = told(begins_ms=70)
    story.events += [replace(e, start=e.start + 0.06, call="x") for e in story.events if isinstance(e, Attempt)]
    assert story.verdict(deadline_propagation(EDGE)).outcome == "held"
    assert (
        told(begins_ms=70, attempt=2).verdict(deadline_propagation(EDGE)).outcome == "held"
    )  # an attempt nobody knows


def test_wasted_work_is_reported_and_bounded_only_on_request():
    story = told(lasts_ms=200)
    assert story.verdict(deadline_propagation(EDGE)).outcome == "held"
    verdict = story.verdict(deadline_propagation(EDGE, wasted_percent=50))
    assert (verdict.outcome, verdict.margin) == ("violated", "50 percentage points over")
    assert verdict.why == "on checkout -> pricing x 20 the answer came after the caller stopped waiting"
    gone = told(outcome="client_gone").verdict(deadline_propagation(EDGE))
    assert "wasted: 100 % of the work" in gone.observed


def test_an_edge_without_arrivals_proves_nothing():
    verdict = faulty(5).verdict(deadline_propagation(EDGE))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "0 of 5 requests arrived on checkout -> pricing (at least 1 needed)"
    assert "arrived on any edge" in faulty(5).verdict(deadline_propagation()).why


def test_it_needs_the_attempts_as_well():
    story = Story(sources=("requests", "arrivals"))
    story.arrivals(story.phase("hold", 5))
    assert "does not record attempts" in story.verdict(deadline_propagation(EDGE)).why


@pytest.mark.parametrize("bounds", [{"wasted_percent": 0}, {"wasted_percent": 101}, {"grace_ms": 0}])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(CheckError, match="must be"):
        deadline_propagation(EDGE, **bounds)


def test_an_unknown_edge_names_the_nearest():
    with pytest.raises(CheckError, match=r"did you mean 'checkout -> pricing'"):
        faulty(5).verdict(deadline_propagation("checkout -> pricig"))
