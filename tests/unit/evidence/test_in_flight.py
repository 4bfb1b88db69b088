"""What is under way is known until it ends, and lasts as long as it has lasted so far."""

from dataclasses import replace

import pytest

from testbed.evidence.access_log import TrafficEvent
from testbed.evidence.in_flight import InFlight, is_in_flight
from testbed.history.events import Arrival, Attempt, Call

CALL = Call("r", "a -> b", "a-1", 1, 10.0, 500.0, 0, call="a-1:1.1", outcome="in_flight")
ATTEMPT = Attempt("r", "a -> b", "a-1", "b-1", 1, 10.0, 500.0, 0, call="a-1:1.1", outcome="in_flight")
ARRIVAL = Arrival("r", "a -> b", "a-1", "b-1", 1, 10.0, 500.0, 0, path="/", outcome="in_flight")


def noted(*events: TrafficEvent) -> InFlight:
    found = InFlight()
    for event in events:
        found.note(event)
    return found


@pytest.mark.parametrize("event", [CALL, ATTEMPT, ARRIVAL])
def test_an_event_is_in_flight_until_its_end(event: TrafficEvent) -> None:
    found = noted(event, replace(event, duration_ms=1000.0))
    assert list(found.until(12.0)) == [replace(event, duration_ms=2000.0)]
    found.note(replace(event, duration_ms=3000.0, status=200, outcome=""))
    assert list(found.until(14.0)) == []


def test_attempts_are_no_requests_of_the_counters() -> None:
    found = noted(CALL, ATTEMPT, ARRIVAL)
    assert (found.requests, found.calls) == (2, frozenset({"a-1:1.1"}))


def test_two_calls_to_one_path_are_told_apart() -> None:
    assert noted(ARRIVAL, replace(ARRIVAL, start=10.001)).requests == 2


def test_what_began_before_the_record_counts_and_is_no_part_of_it() -> None:
    found = noted(CALL)
    found.forget(11.0)
    assert (found.requests, list(found.until(12.0))) == (1, [])
    found.clear()
    assert found.requests == 0


def test_what_has_ended_is_not_in_flight() -> None:
    assert is_in_flight(CALL)
    assert not is_in_flight(replace(CALL, outcome="timeout"))


def test_a_call_without_an_id_that_lasts_is_waited_for_no_longer() -> None:
    """A watcher that began during a load."""
    watch = replace(CALL, request="", call="a-1:2.1")
    found = noted(CALL, watch, replace(ATTEMPT, request="", call="a-1:2.1"))
    assert (found.lasting(12.0), found.lasting(14.0)) == (0, 1)
    found.note(replace(watch, outcome="", status=200))
    assert found.lasting(14.0) == 0
