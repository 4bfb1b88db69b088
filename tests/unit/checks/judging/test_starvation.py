"""A machine that is too slow for the load: a time that ran out while all cores were busy proves nothing by itself."""

from dataclasses import replace

import pytest

from testbed.checks import attempts, availability, contained, fallback, statuses
from testbed.checks.judging.saturation import BUSY, SATURATED
from testbed.checks.judging.starvation import slows_by_ms
from testbed.history.events import Attempt, Call, Request, Sample
from testbed.history.outcomes import LIMIT, TIMEOUT
from tests.kit.story import EDGE, EPOCH, Story

COUNTS = [statuses(200), contained(at_most=3), contained(fallbacks=True), availability(at_least_percent=99)]
SMALL = {"text": f"delay(ms=1).on({EDGE!r})", "name": "delay"}


def told(bad=lambda i: True, usual_ms=80.0, busy=1.0, lasts_ms=100.0, outcome=TIMEOUT, until=5.0, **fault):
    """Tell of 400 requests whose calls time out (or else last so long), on a machine that is so busy."""
    story = Story()
    story.phase("baseline", 100)
    status = lambda i: 504 if bad(i) else 200  # noqa: E731
    requests = story.phase("hold", 400, status=status, latency=lambda i: 20 + (lasts_ms if bad(i) else usual_ms))
    story.fault(1.0, until, **(SMALL | fault))
    story.attempts(requests)
    broken = {request.id for request in requests if not request.ok}
    changed = {"status": 504, "outcome": outcome, "duration_ms": lasts_ms}
    story.events = [
        replace(e, **(changed if e.request in broken else {"duration_ms": usual_ms}))
        if isinstance(e, Attempt | Call)
        else e
        for e in story.events
    ]
    for half in range(14):
        story.events.append(Sample(EPOCH + half / 2, "machine", {"machine": half * busy, "capacity": half * 1.0}))
    story.probes(0.0, 6.0, 0.6)
    return story


@pytest.mark.parametrize("bad", [lambda i: True, lambda i: i % 7 == 0], ids=["all", "some"])
@pytest.mark.parametrize("check", COUNTS)
def test_timeouts_of_a_machine_that_cannot_hold_the_load_are_in_doubt(check, bad):
    verdict = told(bad).verdict(check)
    assert (verdict.outcome, verdict.why.startswith(SATURATED), BUSY in verdict.why) == ("inconclusive", True, True)


@pytest.mark.parametrize("check", COUNTS)
def test_with_an_idle_core_they_are_the_systems(check):
    assert told(busy=0.9).verdict(check).outcome == "violated"


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "hang", "text": f"hang().on({EDGE!r})"},
        {"name": "delay", "text": f"delay(ms=800).on({EDGE!r})"},
        {"name": "cpu_limit", "text": "cpu_limit(percent=5).on('pricing')"},
        {"name": "hang", "text": f"hang().on({EDGE!r})", "until": 1.1},  # what piled up is still its effect
    ],
)
@pytest.mark.parametrize("check", COUNTS)
def test_what_a_fault_explains_is_violated_however_busy_the_machine_was(check, fault):
    assert told(**fault).verdict(check).outcome == "violated"


@pytest.mark.parametrize("check", COUNTS)
def test_a_few_that_hang_while_all_others_are_quick_are_the_systems(check):
    assert told(lambda i: i % 7 == 0, usual_ms=5.0, lasts_ms=1000.0).verdict(check).outcome == "violated"


@pytest.mark.parametrize("check", COUNTS)
def test_errors_at_once_are_the_systems(check):
    assert told(lasts_ms=100.0, outcome="").verdict(check).outcome == "violated"
    assert told(lasts_ms=3.0, usual_ms=3.0).verdict(check).outcome == "violated"


def reacted(story):
    answer = {"status": 200, "fallbacks": ("list-price",)}
    story.events = [replace(e, **answer) if isinstance(e, Request) and e.status == 504 else e for e in story.events]
    return story.verdict(fallback("list-price", at_least_percent=50)).outcome


def test_a_fallback_or_a_retry_for_want_of_cpu_time_proves_nothing():
    assert reacted(told()) == "inconclusive"
    assert reacted(told(busy=0.9)) == "held"
    assert reacted(told(name="hang", text="hang()")) == "held"
    again = told()
    again.events += [replace(e, number=2) for e in again.events if isinstance(e, Attempt)]
    assert again.verdict(attempts(EDGE, at_least=2)).outcome == "inconclusive"


def test_a_limit_that_a_slow_machine_fills_is_in_doubt():
    def refused(**changes):
        story = told(lambda i: i % 4 == 0, usual_ms=150.0, **changes)
        full = {"status": 503, "outcome": LIMIT, "refused": True, "duration_ms": 0.1, "attempts": 0}
        story.events = [replace(e, **full) if isinstance(e, Call) and e.outcome else e for e in story.events]
        story.events = [e for e in story.events if not (isinstance(e, Attempt) and e.outcome)]
        return story.verdict(contained()).outcome

    assert refused() == "inconclusive"
    assert refused(busy=0.9) == "violated"
    assert refused(name="hang", text="hang()") == "violated"


def test_a_burst_of_less_than_a_second_is_usual():
    story = told()
    story.events = [e for e in story.events if not (isinstance(e, Sample) and e.source == "machine")]
    for at, busy in ((1.0, 0.0), (1.5, 0.5), (2.0, 0.6), (2.5, 1.1), (5.0, 1.2)):
        story.events.append(Sample(EPOCH + at, "machine", {"machine": busy, "capacity": at}))
    assert story.verdict(statuses(200)).outcome == "violated"


@pytest.mark.parametrize(
    ("name", "text", "ms"),
    [
        ("delay", "delay(ms=30)", 30.0),
        ("abort", "abort(503)", float("inf")),
        ("cpu_limit", "cpu_limit(percent=5)", 0.0),
    ],
)
def test_a_fault_that_only_slows_down_says_by_how_much(name, text, ms):
    assert slows_by_ms(told(name=name, text=text).history.index.faults[0]) == ms
