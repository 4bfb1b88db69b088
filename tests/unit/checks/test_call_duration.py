from dataclasses import replace

import pytest

from testbed.checks import call_duration
from testbed.errors import CheckError
from testbed.history.events import Call, Evidence
from tests.kit.story import EDGE, faulty, quiet


def calls_of(*durations):
    """Each request makes a call, which lasts so long, whatever its status."""
    story = faulty(len(durations), latency=5.0)
    lasted = iter(durations)
    story.events = [
        replace(e, duration_ms=next(lasted), status=504) if isinstance(e, Call) else e for e in story.events
    ]
    return story


def test_it_holds_when_the_longest_call_ended_in_time():
    verdict = calls_of(20.0, 599.0, 30.0).verdict(call_duration(EDGE, under_ms=600))
    assert (verdict.outcome, verdict.observed, verdict.n) == ("held", "599 ms", 3)
    assert (verdict.bound, verdict.source, verdict.edge) == ("< 600 ms", "caller's proxy", EDGE)
    assert verdict.margin == "1 ms to spare"


def test_one_longer_call_violates_it():
    verdict = calls_of(20.0, 600.5, 30.0).verdict(call_duration(EDGE, under_ms=600))
    assert (verdict.outcome, verdict.margin) == ("violated", "0.5 ms over")
    assert verdict.why == "1 call of 3 lasted 600 ms or more"
    assert verdict.next.startswith("the call checkout -> pricing from checkout-1: 504 after 600.5 ms\nrequest hold-1 ")
    assert verdict.policy.startswith("{timeout: 500ms")


def test_only_the_calls_of_the_population_count():
    story = calls_of(20.0, 30.0)
    story.events.append(Call("baseline-3", EDGE, "checkout-1", 1, 0.0, 9000.0, 200))
    story.events.append(Call("stranger", EDGE, "checkout-1", 1, 0.0, 9000.0, 200))
    assert story.verdict(call_duration(EDGE, under_ms=100)).observed == "30 ms"


def test_the_loads_own_calls_are_its_requests_unanswered_ones_until_it_gave_up():
    story = quiet(5, latency=lambda i: 100.0 * i, status=0)
    held = story.verdict(call_duration("client -> frontend", under_ms=401))
    assert (held.outcome, held.source, held.n) == ("held", "load", 5)
    violated = story.verdict(call_duration("client -> frontend", under_ms=400))
    assert (violated.outcome, violated.observed) == ("violated", "400 ms")
    assert violated.next.startswith("request hold-4 ")


def test_the_loads_own_calls_need_a_load_that_was_in_time_others_do_not():
    story = quiet(5, late_p99_ms=11.0, latency=110.0)
    assert story.verdict(call_duration("client -> frontend", under_ms=100)).outcome == "inconclusive"
    late = faulty(5, late_p99_ms=20.0)
    assert late.verdict(call_duration(EDGE, under_ms=4)).outcome == "violated"


def test_it_is_inconclusive_without_a_call():
    verdict = quiet(5).verdict(call_duration(EDGE, under_ms=600))
    assert (verdict.outcome, verdict.n) == ("inconclusive", 0)
    assert verdict.why == "0 of 5 requests made a call on checkout -> pricing (at least 1 needed)"


def test_it_is_inconclusive_when_calls_are_missing():
    story = calls_of(20.0)
    story.without(Evidence, "calls")
    verdict = story.verdict(call_duration(EDGE, under_ms=600))
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith("the record of calls on checkout -> pricing is not complete")


def test_the_edge_is_written_with_or_without_spaces_and_must_exist():
    assert call_duration("checkout->pricing", under_ms=5) == call_duration(EDGE, under_ms=5)
    with pytest.raises(CheckError, match=r"no edge 'checkout -> pricin' \(did you mean 'checkout -> pricing'\?\)"):
        quiet(5).verdict(call_duration("checkout -> pricin", under_ms=5))


@pytest.mark.parametrize("bounds", [{}, {"under_ms": 0}, {"under_ms": -3}])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(CheckError, match="under_ms"):
        call_duration(EDGE, **bounds)
