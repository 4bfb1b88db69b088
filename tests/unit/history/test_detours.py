from dataclasses import replace

from testbed.checks import availability, contained, judge
from testbed.history.detours import detours
from testbed.history.events import DetourEvent, ProcessEvent
from testbed.history.unused_links import unused_links
from tests.kit.story import EDGE, EPOCH, Story

SEEN = DetourEvent(EPOCH, "checkout-1", EDGE, 3, 1, ("127.5.3.1:8080",))
CLOSED = replace(SEEN, caller="checkout", past=40, own=0, owned=False)


def run(*events, status=200, **fault):
    story = Story()
    story.phase("baseline", 100)
    requests = story.phase("hold", 200, status=status)
    story.fault(1.0, 3.0, **fault)
    story.attempts(requests[:100])
    story.events += events
    return story.history


def outcome(history):
    return judge(history, all=[availability(at_least_percent=50)]).verdicts[0]


def test_the_share_and_the_addresses_are_told():
    found = str(detours(run(SEEN, CLOSED).index)[EDGE])
    assert found.startswith(
        "checkout has 3 of 4 connections to pricing past its link and the mesh (checkout -> pricing)"
    )
    assert found.endswith("127.5.3.1:8080, and 40 closed ones were there")


def test_closed_ones_alone_have_no_known_owner():
    assert "it is not known whose they were" in str(detours(run(CLOSED).index)[EDGE])


def test_a_few_closed_ones_and_those_of_each_start_may_be_readiness_checks():
    few = replace(CLOSED, past=8)
    assert EDGE in detours(run(few).index)
    assert EDGE not in detours(run(few, ProcessEvent(EPOCH, "pricing-1/app", "started")).index)
    assert EDGE not in detours(run(replace(CLOSED, past=5)).index)


def test_what_holds_past_a_fault_of_links_is_not_proved():
    assert outcome(run()).outcome == "held"
    verdict = outcome(run(SEEN))
    assert verdict.outcome == "inconclusive"
    assert "3 of 4 connections to pricing past its link" in verdict.why


def test_a_process_fault_is_felt_there_as_well_and_a_failure_stays_one():
    assert outcome(run(SEEN, plane="process")).outcome == "held"
    assert outcome(run(SEEN, status=503)).outcome == "violated"


def test_a_failure_without_a_call_on_record_is_placed_on_the_edge_past_the_mesh():
    """The callers of the story call pricing from checkout; the entry itself has no such edge."""
    topology = {"name": "s", "entry": "checkout", "services": {"checkout": {"calls": ["pricing"]}, "pricing": {}}}
    for events, place in (((SEEN,), EDGE), ((), "client -> checkout")):
        story = Story(topology=topology)
        story.phase("baseline", 100)
        requests = story.phase("hold", 200, status=lambda n: 503 if n % 2 else 200)
        story.fault(1.0, 3.0)
        story.attempts(requests[:10:2])
        story.events += events
        verdict = judge(story.history, all=[contained()]).verdicts[0]
        assert f"all on {place}" in verdict.observed


def test_a_link_that_was_not_used_because_of_it_is_told_once_with_the_share():
    topology = {"name": "s", "entry": "checkout", "services": {"checkout": {"command": "app", "calls": ["pricing"]}}}
    topology["services"]["pricing"] = {}
    for events, why in (((SEEN,), "3 of 4 connections to pricing past its link"), ((), "never used its link")):
        story = Story(topology=topology)
        story.phase("baseline", 100)
        story.phase("hold", 200)
        story.fault(1.0, 3.0)
        story.events += events
        verdict = judge(story.history, all=[availability(at_least_percent=50)]).verdicts[0]
        assert verdict.outcome == "inconclusive"
        assert why in verdict.why
        assert bool(unused_links(story.history.index)) == (not events)
