"""Calls of an app's own are told from calls that lost the id of their request."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from testbed.checks import attempts
from testbed.history.events import Arrival, Attempt, Call, Evidence, Request
from testbed.history.own_calls import own_call_notes, own_calls
from testbed.history.propagation import context_losses
from testbed.report.narrative import narrative
from tests.kit.story import EDGE, EPOCH, Story

SHOP: dict[str, object] = {
    "name": "shop",
    "entry": "frontend",
    "services": {
        "frontend": {"language": "go", "calls": ["checkout"]},
        "checkout": {"command": ["python", "app.py"], "calls": ["pricing"]},
        "pricing": {"language": "go"},
    },
}
POLLS = [0.21 + 0.3 * k for k in range(13)]


def told(
    extra: Sequence[float] = (), *, ids: bool = True, ms: float = 5.0, after_ms: float = -1.0, calls: bool = True
) -> Story:
    """4 s of 50 requests/s at checkout, each `ms` long with one call, and further calls without an id.

    `after_ms`: each request makes a further call without an id, so long after its end.
    """
    story = Story(topology=SHOP)
    for one in [*story.phase("baseline", 100, rps=50), *story.phase("hold", 100, rps=50)]:
        way = ("frontend -> checkout", "frontend-1", "checkout-1")
        story.events.append(Arrival(one.id, *way, 1, one.sent, ms, 200))
        if calls:
            _call(story, one.sent + 0.001, one.id if ids else "")
        if after_ms >= 0:
            _call(story, one.sent + (ms + after_ms) / 1000)
    for at in extra:
        _call(story, EPOCH + at)
    return story


def _call(story: Story, start: float, id: str = "") -> None:
    link, key = ("checkout-1", "pricing-1"), f"{start}{id}"
    story.events.append(Attempt(id, EDGE, *link, 1, start, 2.0, 200, call=key))
    story.events.append(Call(id, EDGE, "checkout-1", 1, start, 2.0, 200, call=key))
    story.events.append(Arrival(id, EDGE, *link, 1, start, 2.0, 200))


def owned(story: Story) -> list[int]:
    return [len(own_calls(story.history.index, source, EDGE)) for source in ("attempts", "calls", "arrivals")]


@pytest.mark.parametrize("ms", [5.0, 25.0])
def test_polls_are_the_apps_own_and_spoil_no_check(ms: float) -> None:
    """With 25 ms, a request is under way at any time."""
    story = told(POLLS, ms=ms)
    assert owned(story) == [13, 13, 13]
    assert story.verdict(attempts(EDGE, exactly=1)).outcome == "held"
    assert context_losses(story.history.index) == ()
    assert own_call_notes(story.history.index) == [f"13 calls of checkout's own on {EDGE}: no request caused them"]
    assert narrative(story.history).own == (f"13 calls of checkout's own on {EDGE}: no request caused them",)


def test_irregular_calls_while_no_request_was_there_are_the_apps_own() -> None:
    draw = random.Random(7)
    moments = [k * 0.02 + draw.uniform(0.011, 0.014) for k in draw.sample(range(200), 30)]
    assert owned(told(moments)) == [30, 30, 30]


def test_calls_that_lost_their_id_are_nobodys_own() -> None:
    story = told(ids=False)
    assert owned(story) == [0, 0, 0]
    assert story.verdict(attempts(EDGE, exactly=1)).outcome == "inconclusive"
    assert owned(told(ids=False, ms=25.0)) == [0, 0, 0]


def test_polls_beside_calls_that_lost_their_id_do_not_hide_these() -> None:
    (loss,) = context_losses(told(POLLS, ids=False).history.index)
    assert loss.kept == 0
    assert loss.sent >= 200


def test_work_after_the_answer_is_not_the_apps_own() -> None:
    story = told(after_ms=8.0)
    assert owned(story) == [0, 0, 0]
    assert "100 of 200 attempts" in story.verdict(attempts(EDGE, exactly=1)).why


def test_a_second_call_without_an_id_is_not_the_apps_own() -> None:
    assert owned(told(after_ms=0.0)) == [0, 0, 0]  # just before the request ends


def test_a_client_that_left_does_not_make_a_call_the_apps_own() -> None:
    story = told(calls=False)
    story.events = [
        replace(e, outcome="client_gone") if isinstance(e, Arrival) and e.callee == "checkout-1" else e
        for e in story.events
    ]
    _call(story, EPOCH + 1.012)
    assert owned(story) == [0, 0, 0]


def test_what_an_own_call_causes_is_an_own_call() -> None:
    """Frontend polls the deep health of checkout, which asks pricing."""
    story = told()
    for at in POLLS:
        way = ("frontend -> checkout", "frontend-1", "checkout-1")
        story.events.append(Arrival("", *way, 1, EPOCH + at, 6.0, 200))
        _call(story, EPOCH + at + 0.001)
    for one in [e for e in story.events if isinstance(e, Request)]:
        way = ("client -> frontend", "client", "frontend-1")
        story.events.append(Arrival(one.id, *way, 1, one.sent - 0.001, 8.0, 200))
    assert owned(story) == [13, 13, 13]


def test_a_service_that_hands_it_on_in_some_calls_is_named_with_their_number() -> None:
    story = told()
    story.events = [
        replace(e, request="") if isinstance(e, Attempt | Call) and int(e.request.rpartition("-")[2]) % 2 else e
        for e in story.events
    ]
    (loss,) = context_losses(story.history.index)
    assert str(loss) == (f"checkout does not always propagate baggage: it hands it on in 100 of 200 calls on {EDGE}")
    assert owned(story)[:2] == [0, 0]


def test_without_a_record_at_the_caller_the_requests_of_the_load_decide() -> None:
    story = told(POLLS)
    story.events = [e for e in story.events if not isinstance(e, Arrival)]
    assert owned(story) == [13, 13, 0]


# -- the record so far, of a load that is on


def cut(*, gap: bool = True, ids: bool = False) -> Story:
    """A record that was read in mid-flight: the last attempts have lines, the arrivals that caused them have none."""
    story = told(ids=ids)
    since = EPOCH + 3.9
    story.events = [
        e for e in story.events if not (isinstance(e, Arrival) and e.callee == "checkout-1" and e.start > since)
    ]
    if gap:
        story.events.append(Evidence("arrivals", False, "requests are under way", since=since, until=EPOCH + 5))
    return story


@pytest.mark.parametrize("gap", [True, False])
def test_calls_of_requests_without_a_line_do_not_hide_that_all_ids_are_lost(gap: bool) -> None:
    """A load at a constant rate makes calls as regular as polls."""
    (loss,) = context_losses(cut(gap=gap).history.index)
    assert loss.kept == 0
    assert loss.sent >= 195
    assert owned(cut())[:2] == [0, 0]


def test_where_the_record_of_requests_has_a_gap_no_call_is_the_apps_own() -> None:
    story = told(POLLS)
    story.events.append(Evidence("arrivals", False, "lost", ("frontend -> checkout",), EPOCH + 2, EPOCH + 9))
    assert owned(story) == [sum(at < 2 for at in POLLS)] * 3
    story.events.append(Evidence("arrivals", False, "lost", (EDGE,)))  # not at the caller
    assert owned(story) == [sum(at < 2 for at in POLLS)] * 3


# -- own calls beside calls that lost their id


BESIDE = [0.013 + 0.137 * k for k in range(28)]  # of which one in four is made while no request is there


def test_polls_of_the_same_kind_are_found_by_their_rhythm() -> None:
    story = told(BESIDE, ids=False)
    assert all(26 <= number <= 30 for number in owned(story))
    (loss,) = context_losses(story.history.index)
    assert loss.kept == 0


def test_polls_of_another_path_are_told_from_calls_of_requests() -> None:
    story = told(ids=False, ms=25.0)
    _polled(story, BESIDE)
    assert owned(story) == [0, 0, 0]  # each may be of a request, as all of them lost their id
    story = told(ids=False)
    _polled(story, BESIDE)
    assert owned(story) == [28, 28, 28]


def _polled(story: Story, moments: Sequence[float]) -> None:
    before = len(story.events)
    for at in moments:
        _call(story, EPOCH + at)
    polls = [replace(e, method="GET", path=f"/health?{n}") for n, e in enumerate(story.events[before:])]  # type: ignore[call-arg]
    story.events[before:] = polls


# -- a watcher that begins during a load


def test_a_call_that_goes_on_long_after_the_requests_that_were_there_is_the_apps_own() -> None:
    story = told()
    _call(story, EPOCH + 1.002)  # while a request is there
    assert owned(story) == [0, 0, 0]
    story.events[-3:] = [replace(e, duration_ms=2500.0, outcome="in_flight") for e in story.events[-3:]]  # type: ignore[call-arg]
    assert owned(story) == [1, 1, 1]
    assert story.verdict(attempts(EDGE, exactly=1)).outcome == "held"


def test_as_many_of_them_as_requests_are_work_after_the_answer() -> None:
    story = told(calls=False)
    for at in range(100):
        _call(story, EPOCH + 0.02 * at + 0.002)
    story.events = [
        replace(e, duration_ms=900.0) if isinstance(e, Attempt | Call | Arrival) and not e.request else e
        for e in story.events
    ]
    assert owned(story) == [0, 0, 0]
