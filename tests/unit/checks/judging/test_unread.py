"""A request that a process did not read, because it was asked to end, has no effect there."""

import pytest

from testbed.checks import at_most_once
from testbed.history.events import ProcessEvent
from tests.kit.story import EDGE, Story


def told() -> Story:
    """Five requests call once each."""
    story = Story()
    story.arrivals(story.phase("hold", 5), lambda n: 1, method="POST", path="/orders")
    return story


def ending(asked_s=0.03, **lost):
    """A call arrives twice: first at a process that is asked to end a moment later, which closes the connection."""
    story = told()
    third = story.history.index.by_phase["hold"][3]
    again = {"status": 0, "outcome": "reset", "flags": "UC", "attempt": 1} | lost
    story.arrivals([third], method="POST", path="/orders", **again)
    story.events.append(ProcessEvent(third.sent + asked_s, "pricing-1/app", "sent SIGTERM, to end within 30 s"))
    return story, third


def test_what_a_process_resets_unread_as_it_is_asked_to_end_has_no_effect():
    story, _ = ending(reset=True)
    assert story.verdict(at_most_once(EDGE)).outcome == "held"


def test_what_it_closes_as_it_is_asked_to_end_it_may_have_read_or_not():
    story, _ = ending()
    verdict = story.verdict(at_most_once(EDGE))
    assert verdict.outcome == "inconclusive"
    assert "closed within 100 ms of SIGTERM" in verdict.why


@pytest.mark.parametrize(
    ("asked_s", "lost"),
    [(0.5, {"reset": True}), (0.5, {}), (0.25, {"duration_ms": 250.0}), (0.03, {"outcome": "broken_off"})],
    ids=["reset at another time", "closed at another time", "after work", "in its answer"],
)
def test_a_process_that_breaks_off_otherwise_may_have_done_it(asked_s, lost):
    story, _ = ending(asked_s, **lost)
    assert story.verdict(at_most_once(EDGE)).outcome == "violated"


def test_another_call_that_came_twice_is_proof_whatever_the_ending_process_read():
    story, _ = ending()
    story.arrivals(story.history.index.by_phase["hold"][:1], method="POST", path="/orders")
    assert story.verdict(at_most_once(EDGE)).outcome == "violated"


@pytest.mark.parametrize(("ended_s", "outcome"), [(-0.01, "held"), (0.01, "violated")])
def test_what_comes_after_the_end_of_the_process_has_no_effect(ended_s, outcome):
    story, third = ending(-0.3, outcome="client_gone")
    story.events.append(ProcessEvent(third.sent + ended_s, "pricing-1/app", "ended", "0.2 s after SIGTERM"))
    story.events.append(ProcessEvent(third.sent + 1, "pricing-1/app", "restarted"))
    assert story.verdict(at_most_once(EDGE)).outcome == outcome
