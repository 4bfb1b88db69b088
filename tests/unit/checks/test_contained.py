from dataclasses import replace

import pytest

from testbed.checks import contained
from testbed.errors import CheckError
from testbed.history.events import Arrival, Call, FaultEvent, Request
from tests.kit.story import EDGE, Story, quiet


def told(n=400, failed=(), *, recover=100, users=20, **fault):
    """A hold phase of n requests with a fault from its start to its end, in which some requests fail."""
    story = Story()
    story.phase("baseline", 100)
    requests = story.phase("hold", n, status=lambda i: 503 if i in failed else 200)
    story.fault(1.0, 1.0 + n / 100, **fault)
    story.attempts(requests)
    story.phase("recover", recover)
    story.events = [
        replace(e, user=f"u{int(e.id.split('-')[1]) % users}") if isinstance(e, Request) else e for e in story.events
    ]
    return fail(story, [f"hold-{i}" for i in failed])


def fail(story, ids, edge=EDGE):
    """Let the calls of these requests fail on the edge, and above it."""
    story.events += [
        Call(one, on, "checkout-1", 1, story.now, 5.0, 503, call=f"{one}-{on}")
        for one in ids
        for on in (edge, "frontend -> checkout")
    ]
    return story


def test_no_user_is_affected():
    verdict = told().verdict(contained())
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "0 of 20 users affected", "0")
    assert (verdict.phase, verdict.n, verdict.confidence) == ("from the first fault on", 20, "exact")


def test_affected_users_are_reported_in_one_sentence():
    verdict = told(failed=range(100, 220, 10), users=400).verdict(contained())
    assert verdict.outcome == "violated"
    assert verdict.observed == "12 of 400 users affected (3 %), all on checkout -> pricing, for 1.12 s"
    assert (verdict.margin, verdict.why) == ("12 too many", "12 requests failed: 503 x 12")
    assert verdict.next.startswith("request hold-100 ")


def test_requests_may_be_counted_instead_of_users():
    verdict = told(failed=(0, 20, 40)).verdict(contained(per="requests", at_most=3))
    assert verdict.outcome == "held"
    assert verdict.observed.startswith("3 of 501 requests affected (0.59 %)")
    assert told(failed=(0, 20, 40)).verdict(contained()).observed.startswith("1 of 20 users affected (5 %)")


def test_a_load_without_users_counts_requests():
    story = told(failed=(0, 1))
    story.events = [replace(e, user="") if isinstance(e, Request) else e for e in story.events]
    assert story.verdict(contained()).observed.startswith("2 of 501 requests affected")


def test_a_failure_after_healing_counts_as_well():
    story = told()
    story.events = [replace(e, status=503) if getattr(e, "id", "") == "recover-7" else e for e in story.events]
    verdict = story.verdict(contained())
    assert verdict.outcome == "violated"
    assert "all on client -> frontend" in verdict.observed  # no call failed: it was the entry itself
    assert story.verdict(contained().during("hold")).outcome == "held"


def test_a_failure_before_the_fault_is_not_its_doing():
    story = told()
    story.events = [replace(e, status=503) if getattr(e, "id", "") == "baseline-7" else e for e in story.events]
    assert story.verdict(contained()).outcome == "held"


def test_failures_before_the_fault_are_reported_as_well():
    story = told(failed=(3,))
    story.events = [replace(e, status=503) if getattr(e, "id", "") == "baseline-7" else e for e in story.events]
    assert story.verdict(contained()).why.endswith("so the fault is not the only cause; 1 request failed: 503 x 1")


def test_the_faults_own_users_are_left_out():
    story = told(failed=(3, 23))
    story.events = [replace(e, users=("u3",)) if isinstance(e, FaultEvent) else e for e in story.events]
    verdict = story.verdict(contained())
    assert (verdict.outcome, verdict.n, verdict.population) == ("held", 19, "all outside the faults' scope")
    affected = story.verdict(contained(), who="affected")
    assert (affected.outcome, affected.n) == ("violated", 1)


def test_a_fault_for_all_users_leaves_no_user_to_judge():
    everybody = told(users=2)
    everybody.events = [replace(e, users=("u0", "u1")) if isinstance(e, FaultEvent) else e for e in everybody.events]
    verdict = everybody.verdict(contained())
    assert verdict.outcome == "inconclusive"
    assert "belong to the population all outside the faults' scope" in verdict.why


def test_slowness_and_fallbacks_count_when_asked_for():
    story = told()
    slow = {"hold-7": {"latency_ms": 900.0}, "hold-8": {"fallbacks": ("list-price",)}}
    story.events = [
        replace(e, **slow.get(getattr(e, "id", ""), {})) if isinstance(e, Request) else e for e in story.events
    ]
    story.events.append(Call("hold-7", EDGE, "checkout-1", 1, story.now, 800.0, 200, call="slow"))
    assert story.verdict(contained()).outcome == "held"
    verdict = story.verdict(contained(slower_than_ms=500))
    assert (verdict.outcome, verdict.why) == ("violated", "1 request took longer than 500 ms")
    assert "all on checkout -> pricing" in verdict.observed
    assert story.verdict(contained(fallbacks=True)).why == "1 request got a fallback"


def test_several_edges_are_named_with_their_counts():
    story = fail(told(failed=(1, 2, 3)), ["hold-3"], "checkout -> auth")
    story.events = [e for e in story.events if not (isinstance(e, Call) and e.request == "hold-3" and e.edge == EDGE)]
    assert "on checkout -> pricing (2), checkout -> auth (1), for" in story.verdict(contained()).observed


@pytest.mark.parametrize(
    ("failed", "users", "outcome"),
    [(range(2), 400, "held"), (range(40), 400, "violated"), (range(18), 400, "inconclusive"), ((), 20, "inconclusive")],
)
def test_a_percentage_is_a_claim_about_all_users(failed, users, outcome):
    verdict = told(failed=failed, users=users).verdict(contained(at_most_percent=5))
    assert (verdict.outcome, verdict.confidence) == (outcome, "95 %")
    if outcome == "inconclusive":
        assert f"or use a count: at_most={len(failed)}" in verdict.why


def test_no_request_is_affected_after_the_deadline():
    early, late = told(failed=(10, 95)), told(failed=(10, 350))
    held = early.verdict(contained(within_s=1))
    assert (held.outcome, held.bound) == ("held", "0 after 1 s")
    verdict = late.verdict(contained(within_s=1))
    assert (verdict.outcome, verdict.margin) == ("violated", "1 request too late")
    assert verdict.next.startswith("request hold-350 ")
    assert early.verdict(contained(within_s=1, at_most=1)).outcome == "violated"


def test_too_few_requests_after_the_deadline_prove_nothing():
    verdict = told(failed=(10,), recover=10).verdict(contained(within_s=4))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "only 9 requests came after the deadline (20 needed)"


def test_without_a_fault_all_but_the_warm_up_is_judged():
    assert quiet(100).verdict(contained()).outcome == "held"
    assert quiet(100, status=lambda i: 503 if i == 3 else 200).verdict(contained()).outcome == "violated"


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"at_most": 1, "at_most_percent": 5}, "not both"),
        ({"at_most": -1}, "at_most must be a whole number"),
        ({"at_most_percent": 0}, "at_most_percent must be above 0"),
        ({"within_s": 0}, "within_s must be a number above 0"),
        ({"slower_than_ms": -5}, "slower_than_ms must be a number above 0"),
        ({"per": "user"}, r"there is no per='user' \(did you mean 'users'\?\)"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        contained(**bounds)


def broken_off(story, ids):
    """Let the calls of these requests break off on the edge; the service above answers 200 and breaks off, too."""
    story.events += [
        Call(one, on, "checkout-1", 1, story.now, 5.0, 200, "UPE", call=f"{one}-{on}", outcome="broken_off")
        for one in ids
        for on in (EDGE, "frontend -> checkout")
    ]
    return story


def test_the_edge_is_named_where_an_answer_broke_off():
    story = told(failed=(10, 20))
    story.events = [event for event in story.events if not isinstance(event, Call)]
    broken_off(story, ["hold-10", "hold-20"])
    assert "all on checkout -> pricing" in story.verdict(contained()).observed


def test_without_calls_the_edge_is_named_by_arrivals():
    story = told(failed=(10,))
    story.events = [event for event in story.events if not isinstance(event, Call)]
    story.events += [
        Arrival("hold-10", EDGE, "checkout-1", "pricing-1", 1, story.now, 5.0, 200, "UC", outcome="broken_off"),
        Arrival("hold-10", "frontend -> checkout", "frontend-1", "checkout-1", 1, story.now, 6.0, 502),
    ]
    assert "all on checkout -> pricing" in story.verdict(contained()).observed
