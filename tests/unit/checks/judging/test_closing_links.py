"""An attempt that a link accepted for a process that was ending proves nothing about the app."""

from __future__ import annotations

from dataclasses import replace

from testbed.checks import statuses
from testbed.history.events import Attempt, ProcessEvent
from testbed.history.outcomes import RESET
from tests.kit.story import EPOCH, Story


def restarted(*, at: float = 5.0, arrived: bool = False) -> Story:
    """One request of the hold phase is reset on its way to a replica that is sent SIGTERM 5 s after the start."""
    story = Story()
    story.attempts(story.phase("baseline", 400))
    requests = story.phase("hold", 400, status=lambda n: 503 if n == 100 else 200)
    story.fault(4.5, 6.0, name="graceful_restart", text="graceful_restart().on('pricing')", plane="process")
    story.attempts(requests)
    story.arrivals(requests[:100] + requests[101 - arrived :])
    story.events.append(ProcessEvent(EPOCH + at, "pricing-1/app", "sent SIGTERM, to end within 30 s"))
    story.events = [
        replace(event, status=503, outcome=RESET)
        if isinstance(event, Attempt) and event.request == requests[100].id
        else event
        for event in story.events
    ]
    return story


def test_a_reset_at_a_closing_link_is_in_doubt() -> None:
    verdict = restarted().verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert "a link still accepted connections" in verdict.why


def test_a_request_that_arrived_was_broken_by_the_app() -> None:
    assert restarted(arrived=True).verdict(statuses(200)).outcome == "violated"


def test_a_reset_at_another_time_is_not_in_doubt() -> None:
    assert restarted(at=5.5).verdict(statuses(200)).outcome == "violated"
