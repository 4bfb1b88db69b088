"""The bulkhead check: while one dependency fails, the caller's others keep their rate and their statuses."""

from dataclasses import replace

import pytest

from testbed.checks import bulkhead
from testbed.errors import CheckError
from testbed.history.events import Call
from tests.kit.story import EDGE, SHOP, Story, quiet

AUTH = "checkout -> auth"
TOPOLOGY = SHOP | {
    "services": SHOP["services"]
    | {"checkout": {"calls": [{"to": "pricing"}, {"to": "auth"}, {"to": "spare"}]}, "auth": {}, "spare": {}}
}


def run(kept=400, status=200, late_s=0.0, before=200):
    """Tells how many of 400 requests called auth while pricing failed, how late, and with which status."""
    story = Story(topology=TOPOLOGY)
    baseline, hold = story.phase("baseline", 200), story.phase("hold", 400)
    story.fault(2.0, 6.0)
    story.attempts(hold)
    for requests, number, late, answer in ((baseline, before, 0.0, 200), (hold, kept, late_s, status)):
        for request in requests[:number]:
            start = request.sent + late
            story.events.append(Call(request.id, AUTH, "checkout-1", 1, start, 5.0, answer, call=f"a-{request.id}"))
    return story


def test_others_that_keep_their_rate_hold():
    verdict = run().verdict(bulkhead(EDGE))
    assert (verdict.outcome, verdict.source) == ("held", "caller's proxy")
    assert (verdict.observed, verdict.bound) == ("checkout -> auth: 400 of 400 (100 %)", ">= 95 % on the other edges")
    assert run(kept=400).verdict(bulkhead(EDGE, keeps_percent=100)).outcome == "held"


def test_fewer_calls_violate_it():
    verdict = run(kept=320).verdict(bulkhead(EDGE))
    assert (verdict.outcome, verdict.observed) == ("violated", "checkout -> auth: 320 of 400 (80 %)")
    assert verdict.why == "checkout -> auth kept 80 % of its rate: 320 calls in time, 0 later"
    assert run(kept=399).verdict(bulkhead(EDGE, keeps_percent=100)).outcome == "violated"


def test_other_statuses_violate_it():
    verdict = run(status=503).verdict(bulkhead(EDGE))
    assert verdict.outcome == "violated"
    assert verdict.why.endswith("400 calls in time, 0 later, other statuses: 503 x 400")


def test_answers_that_broke_off_are_not_kept():
    story = run()
    story.events = [
        replace(event, outcome="broken_off") if isinstance(event, Call) and event.request.startswith("hold") else event
        for event in story.events
    ]
    verdict = story.verdict(bulkhead(EDGE))
    assert verdict.outcome == "violated"
    assert verdict.why.endswith("other statuses: 200, answer broke off x 400")


def test_calls_that_come_too_late_are_not_kept():
    assert run(late_s=0.4).verdict(bulkhead(EDGE)).outcome == "held"
    verdict = run(late_s=2.5).verdict(bulkhead(EDGE))
    assert verdict.outcome == "violated"
    assert verdict.why == "checkout -> auth kept 50 % of its rate: 200 calls in time, 200 later"
    slow = run(late_s=2.5)
    slow.probes(2.0, 6.0, 900.0)
    assert slow.verdict(bulkhead(EDGE)).outcome == "inconclusive"
    a_bit = run(late_s=2.5)
    a_bit.probes(2.0, 6.0, 80.0)
    assert a_bit.verdict(bulkhead(EDGE)).outcome == "violated"


def test_missing_calls_are_no_matter_of_time():
    story = run(kept=320)
    story.probes(2.0, 6.0, 80.0)
    assert story.verdict(bulkhead(EDGE)).outcome == "violated"


def test_it_is_inconclusive_between_the_bounds():
    verdict = run(kept=384).verdict(bulkhead(EDGE))
    assert verdict.outcome == "inconclusive"
    assert "calls needed" in verdict.why


def test_it_is_inconclusive_if_the_others_are_not_used():
    assert "used no other dependency in the baseline" in run(before=0).verdict(bulkhead(EDGE)).why


def test_it_is_inconclusive_if_the_fault_is_elsewhere():
    story = run()
    story.events = [replace(e, edges=(AUTH,)) if e.type == "fault" else e for e in story.events]
    story.events = [replace(e, edge=AUTH) if e.type == "attempt" else e for e in story.events]
    assert "no fault of hold is on checkout -> pricing" in story.verdict(bulkhead(EDGE)).why


def test_without_a_fault_the_others_keep_their_rate():
    story = run()
    story.events = [e for e in story.events if e.type != "fault"]
    assert story.verdict(bulkhead(EDGE)).outcome == "held"


def test_a_caller_without_another_dependency_and_a_run_without_baseline_are_refused():
    with pytest.raises(CheckError, match="checkout has no other dependency"):
        quiet().verdict(bulkhead(EDGE))
    story = Story(topology=TOPOLOGY)
    story.phase("hold", 5)
    with pytest.raises(CheckError, match='no phase "baseline"'):
        story.verdict(bulkhead(EDGE))


@pytest.mark.parametrize("percent", [0, 101, "95"])
def test_a_percentage_that_makes_no_sense_is_refused(percent):
    with pytest.raises(CheckError, match="at most 100"):
        bulkhead(EDGE, keeps_percent=percent)
