"""Calls with the id of another request are named as mixed up, and checks that count by request do not rely on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from testbed.checks import attempts
from testbed.history.events import Arrival, Attempt, Evidence
from testbed.history.mixed_up import mixed_up
from testbed.history.propagation import notes
from tests.kit.story import EDGE, Story
from tests.unit.history.test_own_calls import told


def carrying(id: Callable[[int], str], story: Story | None = None) -> Story:
    """The call of the request with this number in its phase carries this id."""
    story = story or told()

    def changed(event: object) -> object:
        if not isinstance(event, Attempt):
            return event
        phase, _, number = event.request.rpartition("-")
        return replace(event, request=id(int(number)) if phase == "hold" else event.request)

    story.events = [changed(event) for event in story.events]  # type: ignore[misc]
    return story


def said(story: Story) -> list[str]:
    return [str(one) for one in mixed_up(story.history.index)]


def test_a_context_that_is_kept_for_ever_is_named() -> None:
    story = carrying(lambda n: "hold-0")
    text = (
        f"checkout mixes up the context of requests: 74 of 200 calls on {EDGE} carry the id of another request "
        "(74 of a request that was over)"
    )
    assert said(story) == [text]
    assert story.verdict(attempts(EDGE, exactly=1)).why == text
    assert any(note.startswith(text) for note in notes(story.history.index))


def test_an_id_of_an_earlier_load_is_named() -> None:
    assert "100 of 200 calls" in said(carrying(lambda n: f"r1.{n}"))[0]


def test_an_id_of_a_request_at_another_replica_is_named() -> None:
    story = told()
    story.events = [_moved(e) if isinstance(e, Arrival) and "hold" in e.request else e for e in story.events]
    assert "(100 of one that was never at this replica)" in said(story)[0]
    story.events = [e for e in story.events if not (isinstance(e, Arrival) and e.callee == "checkout-2")]
    assert said(story) == []  # they may have come past the inlet


def _moved(arrival: Arrival) -> Arrival:
    return replace(arrival, callee="checkout-2") if arrival.callee == "checkout-1" else arrival


def test_ids_of_their_own_requests_are_not_named_also_shortly_after_their_end() -> None:
    assert said(told()) == []
    assert said(carrying(lambda n: f"hold-{max(0, n - 20)}")) == []  # 0.4 s before


def test_two_of_them_or_a_gap_in_the_record_prove_nothing() -> None:
    assert said(carrying(lambda n: "hold-0" if n > 97 else f"hold-{n}")) == []
    story = carrying(lambda n: f"r1.{n}")
    story.events.append(Evidence("arrivals", False, "inlet: 1 requests still in flight", ("frontend -> checkout",)))
    assert said(story) == []
