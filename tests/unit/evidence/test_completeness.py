"""The writer's counters against what was read: a line too few is told, whatever kind it is of."""

from testbed.evidence.access_log import Reading
from testbed.evidence.completeness import Completeness, Counts
from testbed.history.events import Attempt, Call

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
    assert found.lacks(asked=True) == "2 unreadable lines, 1 requests still in flight, 1 of 2 requests logged"
    assert found.lacks(asked=False) == "2 unreadable lines"
    assert found.is_whole(asked=False)  # nothing more will come
    assert not found.has(Counts(3, 1))
    assert found.has(Counts(3, 2))


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
