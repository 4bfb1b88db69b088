from dataclasses import replace

import pytest

from testbed.checks import attempts, judge
from testbed.errors import CheckError
from testbed.history.events import Attempt, Call, Evidence
from tests.kit.story import EDGE, Story, faulty, quiet


def one(odd, usual=1):
    """The fourth request makes another number of attempts."""
    return lambda i: odd if i == 3 else usual


@pytest.mark.parametrize(
    ("bound", "tries", "outcome", "margin"),
    [
        ({"at_most": 3}, one(3), "held", "0 to spare"),
        ({"at_most": 3}, one(4), "violated", "1 too many"),
        ({"at_most": 3}, one(1), "held", "2 to spare"),
        ({"at_least": 2}, one(2, 3), "held", "0 to spare"),
        ({"at_least": 2}, one(1, 3), "violated", "1 too few"),
        ({"at_least": 2}, one(0, 3), "violated", "2 too few"),
        ({"exactly": 2}, one(2, 2), "held", "all equal"),
        ({"exactly": 2}, one(3, 2), "violated", "1 too many"),
        ({"exactly": 2}, one(1, 2), "violated", "1 too few"),
        ({"exactly": 1}, one(0, 1), "violated", "1 too few"),
        ({"exactly": 0}, one(0, 0), "held", "all equal"),
        ({"at_most": 0}, one(0, 0), "held", "0 to spare"),
        ({"at_most": 0}, one(1, 0), "violated", "1 too many"),
    ],
)
@pytest.mark.parametrize("per", ["call", "request"])
def test_every_call_and_every_request_is_counted(bound, tries, outcome, margin, per):
    story = quiet(5)
    story.attempts(story.history.index.by_phase["hold"], tries)
    verdict = story.verdict(attempts(EDGE, per=per, **bound))
    assert (verdict.outcome, verdict.margin, verdict.n) == (outcome, margin, 5)
    assert (verdict.source, verdict.confidence, verdict.edge) == ("caller's proxy", "exact", EDGE)


def test_a_violation_tells_the_policy_the_numbers_and_the_worst_request():
    verdict = faulty(5, tries=one(7, 2)).verdict(attempts(EDGE, at_most=3))
    assert (verdict.observed, verdict.bound) == ("2 to 7 (mean 3)", "<= 3 per call")
    assert verdict.policy == "{timeout: 500ms, retries: {attempts: 2, perTryTimeout: 150ms, retryOn: [5xx, reset]}}"
    assert verdict.why == "1 call of 5 took another number of attempts (number x calls: 7 x 1); 15 attempts in all"
    lines = verdict.next.splitlines()
    assert lines[0] == "request hold-3 (GET /, user u3): 200 after 20 ms"
    assert lines[1] == "  checkout -> pricing, pricing-1, attempt 1: 200 after 5 ms"
    assert lines[-1] == "  checkout -> pricing, pricing-1, attempt 3: 200 after 5 ms, and 4 more like this"


def test_too_few_points_at_the_request_with_the_fewest():
    assert faulty(5, tries=one(1, 2)).verdict(attempts(EDGE, at_least=2)).next.startswith("request hold-3 ")


def test_per_call_and_per_request_differ_when_a_request_calls_twice():
    story = faulty(5)
    again = [replace(e, call=f"again-{e.call}") for e in story.events if isinstance(e, (Attempt, Call))]
    story.events += again
    assert story.verdict(attempts(EDGE, exactly=1)).n == 10
    assert story.verdict(attempts(EDGE, exactly=1)).outcome == "held"
    assert story.verdict(attempts(EDGE, exactly=2, per="request")).outcome == "held"


def test_calls_of_other_requests_do_not_count():
    story = faulty(5)
    story.events += [Attempt("elsewhere", EDGE, "checkout-1", "pricing-1", n, 0, 1, 200, call="x") for n in range(1, 9)]
    assert story.verdict(attempts(EDGE, at_most=1)).outcome == "held"


def test_an_unused_edge_proves_nothing():
    story = quiet(5)
    for per in ("call", "request"):
        verdict = story.verdict(attempts(EDGE, at_most=3, per=per))
        assert verdict.outcome == "inconclusive"
        assert verdict.why == "0 of 5 requests used checkout -> pricing (at least 1 needed)"


def test_calls_that_an_open_breaker_kept_back_are_calls():
    story = quiet(5)
    story.attempts(story.history.index.by_phase["hold"], 0)
    assert story.verdict(attempts(EDGE, at_most=3)).outcome == "held"
    assert story.verdict(attempts(EDGE, at_most=0)).n == 5


def test_never_called_is_a_claim_about_requests():
    story = quiet(5)
    assert story.verdict(attempts(EDGE, at_most=0, per="request")).outcome == "held"
    assert story.verdict(attempts(EDGE, exactly=0, per="request")).outcome == "held"
    assert story.verdict(attempts(EDGE, at_most=0)).outcome == "inconclusive"


def test_without_a_proxy_the_apps_own_log_is_the_source():
    story = faulty(5)
    story.events = [replace(e, source="app") if isinstance(e, Attempt) else e for e in story.events]
    assert story.verdict(attempts(EDGE, exactly=1)).source == "app's own log"


def test_attempts_without_a_call_id_are_counted_per_request_only():
    story = faulty(5)
    story.events = [
        replace(e, call="") if isinstance(e, Attempt) and e.request == "hold-1" else e for e in story.events
    ]
    verdict = story.verdict(attempts(EDGE, at_most=3))
    assert (verdict.outcome, verdict.why) == ("inconclusive", "1 attempt on checkout -> pricing without a call id")
    assert story.verdict(attempts(EDGE, exactly=1, per="request")).outcome == "held"


def test_missing_attempts_make_it_inconclusive():
    story = faulty(5)
    story.without(Evidence, "attempts")
    story.events.append(Evidence("attempts", False, "checkout-1/proxy: 3 lines of 8", (EDGE,)))
    verdict = story.verdict(attempts(EDGE, at_most=3))
    assert (verdict.outcome, verdict.source) == ("inconclusive", "caller's proxy")
    assert "attempts on checkout -> pricing is not complete: checkout-1/proxy: 3 lines of 8" in verdict.why


def test_a_lower_bound_per_call_needs_the_calls_as_well():
    story = faulty(5)
    story.without(Evidence, "calls")
    assert story.verdict(attempts(EDGE, at_most=3)).outcome == "held"
    assert story.verdict(attempts(EDGE, at_least=1, per="request")).outcome == "held"
    for bound in ({"at_least": 1}, {"exactly": 1}):
        assert "the record of calls" in story.verdict(attempts(EDGE, **bound)).why


# -- where nobody records attempts


def arriving(times, *, plane="link", edges=(EDGE,)):
    story = Story(sources=("requests", "arrivals"))
    requests = story.phase("hold", 5)
    story.fault(0.0, 0.05, plane=plane, edges=edges, links=("checkout-1--pricing-1",))
    story.arrivals(requests, times, fault="f1" if plane == "inlet" else "")
    return story


@pytest.mark.parametrize("plane", ["link", "process"])
def test_arrivals_on_a_broken_link_prove_too_many_but_never_few_enough(plane):
    too_many = arriving(one(4), plane=plane).verdict(attempts(EDGE, at_most=3, per="request"))
    assert (too_many.outcome, too_many.source) == ("violated", "inlet")
    for bound in ({"at_most": 3}, {"exactly": 1}, {"exactly": 2}, {"at_least": 2}):
        unproved = arriving(one(1), plane=plane).verdict(attempts(EDGE, per="request", **bound))
        assert unproved.outcome == "inconclusive", bound
        assert "the fault f1 latency(ms=800)" in unproved.why
        assert "does not record attempts at the caller" in unproved.why
    assert arriving(one(3, 4), plane=plane).verdict(attempts(EDGE, exactly=3, per="request")).outcome == "violated"


def test_arrivals_on_a_broken_link_do_prove_enough():
    assert arriving(one(2, 3)).verdict(attempts(EDGE, at_least=2, per="request")).outcome == "held"


def test_arrivals_are_exact_where_no_link_was_broken():
    story = arriving(one(2), plane="inlet")
    assert story.verdict(attempts(EDGE, at_most=2, per="request")).outcome == "held"
    assert story.verdict(attempts(EDGE, at_least=2, per="request")).outcome == "violated"
    other = arriving(one(2), edges=("frontend -> checkout",))
    other.events += [replace(e, edge="frontend -> checkout") for e in other.events if getattr(e, "attempt", 0)]
    assert other.verdict(attempts(EDGE, at_most=2, per="request")).outcome == "held"


def test_arrivals_do_not_tell_calls_apart():
    verdict = arriving(one(9), plane="inlet").verdict(attempts(EDGE, at_most=3))
    assert verdict.outcome == "inconclusive"
    assert "arrivals do not show which call they belong to" in verdict.why


# -- bad input


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "there is no bound"),
        ({"at_most": 3, "at_least": 1}, "not 2 of them"),
        ({"at_most": -1}, "at_most must be a whole number of 0 or more"),
        ({"exactly": 1.5}, "exactly must be a whole number"),
        ({"exactly": True}, "exactly must be a whole number"),
        ({"at_least": 0}, "at_least=0 would always hold"),
        ({"at_most": 1, "per": "requests"}, r"no per='requests' \(did you mean 'request'\?\)"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        attempts(EDGE, **bounds)


def test_an_unknown_edge_names_the_nearest():
    with pytest.raises(CheckError, match=r"no edge 'checkout -> pricig' \(did you mean 'checkout -> pricing'\?\)"):
        faulty(5).verdict(attempts("checkout->pricig", at_most=3))


def test_the_loads_own_edge_has_no_attempts():
    with pytest.raises(CheckError, match="the load sends every request once"):
        faulty(5).verdict(attempts("client -> frontend", at_most=3))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({"at_least": 3}, {"at_most": 2}, "no number of attempts satisfies both"),
        ({"exactly": 1}, {"exactly": 2}, "no number of attempts satisfies both"),
        ({"at_most": 2}, {"exactly": 3}, "no number of attempts satisfies both"),
        ({"at_most": 3}, {"exactly": 3}, "exactly= includes the other bound"),
        ({"at_most": 3}, {"at_most": 4}, "they bound the same thing twice"),
    ],
)
def test_bounds_that_repeat_or_contradict_each_other_are_refused(first, second, reason):
    checks = [attempts(EDGE, **first), attempts(EDGE, **second)]
    with pytest.raises(CheckError, match=reason):
        judge(faulty(5).history, all=checks)


def test_bounds_that_complete_each_other_are_fine():
    checks = [attempts(EDGE, at_most=3), attempts(EDGE, at_least=1), attempts(EDGE, at_most=1, per="request")]
    checks.append(attempts("frontend -> checkout", at_most=1))
    assert len(judge(faulty(5).history, all=checks).verdicts) == 4
    assert len(judge(faulty(5).history, all=[attempts(EDGE, at_most=3), attempts(EDGE, at_least=3)]).verdicts) == 2


def test_a_refused_call_is_part_of_the_trace_of_its_request():
    story = faulty(status=lambda i: 503 if i == 7 else 200, tries=lambda i: 0 if i == 7 else 1)
    refused = [event for event in story.events if isinstance(event, Call) and not event.attempts]
    story.events = [
        replace(event, status=503, flags="UO", refused=True) if event in refused else event for event in story.events
    ]
    verdict = story.verdict(attempts(EDGE, exactly=1))
    assert verdict.outcome == "violated"
    assert verdict.next.endswith("\n  checkout -> pricing from checkout-1: 503 (UO) after 0 ms")
