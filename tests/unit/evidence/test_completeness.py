"""The writer's counters against what was read: a line too few is told, whatever kind it is of."""

from dataclasses import replace

from testbed.evidence.access_log import Reading
from testbed.evidence.completeness import Completeness, Counts
from testbed.history.events import Attempt, Call
from testbed.history.outcomes import IN_FLIGHT

CALL = Call("r", "a -> b", "a-1", 2, 1.0, 5.0, 200, call="a-1:1.1")
TRY = Attempt("r", "a -> b", "a-1", "b-1", 1, 1.0, 5.0, 200, call="a-1:1.1")


def made(counts: Counts, *readings: Reading) -> Completeness:
    found = Completeness(lambda: counts)
    found.count()
    for reading in readings:
        found.take(reading)
    return found


def test_as_many_lines_as_were_counted_and_all_tries_of_each_call_are_whole() -> None:
    found = made(Counts(1), Reading((TRY, TRY, CALL), ended=1))
    assert found.is_whole(asked=True)
    assert found.lacks(asked=True) == ""


def test_a_missing_attempt_is_reported() -> None:
    found = made(Counts(1), Reading((TRY, CALL), ended=1))
    assert not found.is_whole(asked=True)
    assert found.lacks(asked=True) == "1 calls with missing attempts"
    found.expect_no_more_attempts()
    assert found.is_whole(asked=True)


def test_requests_in_flight_and_unreadable_lines_are_reported() -> None:
    found = made(Counts(3, 1), Reading((), garbage=2, ended=1))
    assert found.lacks(asked=True) == "2 unreadable lines, 1 requests in flight without a line, 1 of 2 requests logged"
    assert found.lacks(asked=False) == "2 unreadable lines"
    assert found.is_whole(asked=False)  # nothing more will come
    assert not found.has(Counts(3, 1))
    assert found.has(Counts(3, 2))


def test_requests_in_flight_with_a_line_are_accounted_for_and_part_of_the_record() -> None:
    call, attempt = replace(CALL, outcome=IN_FLIGHT), replace(TRY, outcome=IN_FLIGHT)
    found = made(Counts(2, 1), Reading((TRY, TRY, CALL), ended=1))
    found.in_flight.forget(0.0)
    assert not found.is_accounted_for(asked=True)
    later = replace(call, call="a-1:1.2"), replace(attempt, call="a-1:1.2")
    found.take(Reading((*later, replace(TRY, call="a-1:1.2", number=2))))
    assert found.is_accounted_for(asked=True)
    assert found.lacks(asked=True) == ""
    assert not found.is_whole(asked=True)  # more will come
    assert [event.duration_ms for event in found.in_flight.until(3.0)] == [2000.0, 2000.0]
    found.take(Reading((replace(TRY, call="a-1:1.2"), replace(CALL, call="a-1:1.2")), ended=1))
    assert list(found.in_flight.until(3.0)) == []


def test_what_was_in_flight_before_the_record_is_not_part_of_it() -> None:
    found = made(Counts(1, 1), Reading((replace(CALL, outcome=IN_FLIGHT),)))
    found.forget()
    assert found.is_accounted_for(asked=True)
    assert list(found.in_flight.until(3.0)) == []


def test_connections_are_counted_for_themselves() -> None:
    found = made(Counts(connections=1))
    assert not found.is_whole(asked=True)
    assert found.lacks(asked=True) == ""
    assert found.lacks_connections() == "0 of 1 connections logged, the ends of 0 of 1 connections logged"


def test_a_new_life_is_counted_from_zero() -> None:
    found = made(Counts(1), Reading((), ended=1))
    found.begin_again()
    assert (found.is_whole(asked=True), found.has(Counts(1))) == (True, False)


def test_who_counts_nothing_is_whole_when_all_tries_are_there() -> None:
    found = Completeness(None)
    found.take(Reading((CALL,)))
    assert not found.is_whole(asked=False)
    found.take(Reading((TRY, TRY)))
    assert found.is_whole(asked=False)


def test_a_watcher_that_begins_during_a_load_keeps_no_record_open() -> None:
    watch = replace(CALL, request="", outcome=IN_FLIGHT, attempts=1)
    found = made(Counts(1, 1))
    found.before_load()  # nothing was in flight before the first load
    found.take(Reading((watch,)))
    assert found.is_whole(asked=True)
    other = made(Counts(1, 1))
    other.take(Reading((replace(watch, request="r"),)))
    assert not other.is_whole(asked=True)  # somebody waits for it
