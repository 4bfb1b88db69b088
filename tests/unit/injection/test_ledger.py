"""The record of faults: one window for each time in force, all under the id of the injection."""

import pytest

from testbed.faults import abort, latency, outage, rolling
from testbed.faults.resolved import resolve
from testbed.injection.ledger import FOREVER, FaultLedger, window
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"


@pytest.fixture
def ledger():
    return FaultLedger()


def resolved(fault, id="f1"):
    return resolve(fault, CONTEXT, id)


def test_ids_are_free_until_they_are_taken(ledger):
    assert ledger.next_ids(2) == ledger.next_ids(2) == ["f1", "f2"]
    ledger.take_ids(2)
    assert ledger.next_ids(1) == ["f3"]


def test_a_window_names_the_whole_and_reaches_what_the_part_does():
    whole = resolved(rolling(outage("pricing"), every_s=5))
    event = window(whole, whole.part(outage("pricing", replicas=1)), 1, 2)
    assert (event.id, event.name, event.text) == ("f1", "rolling", str(whole))
    assert event.links == ("checkout-1--pricing-1", "checkout-2--pricing-1")
    assert (event.edges, event.start, event.end) == ((EDGE,), 1, 2)


def test_a_window_has_the_scope_of_its_part():
    some = resolved(abort(503).on(EDGE).for_users("u2", "u1").for_requests(percent=5))
    event = window(some, some, 1, 2)
    assert (event.users, event.cohort, event.drawn) == (("u1", "u2"), None, True)


def test_what_is_expected_and_never_comes_stays_on_record_without_links_and_users(ledger):
    ledger.expect(resolved(abort(503).on(EDGE).for_cohort("trondheim").after(s=5)), injected=True)
    closed = ledger.close("f1")
    assert (closed.links, closed.cohort, closed.edges, closed.injected) == ((), None, (EDGE,), True)
    assert closed.end < FOREVER
    assert ledger.events == [closed]


def test_what_is_expected_and_comes_has_one_window(ledger):
    fault = resolved(latency(ms=5).on(EDGE).after(s=5))
    ledger.expect(fault, injected=True)
    ledger.expect(resolved(latency(ms=9).on("checkout -> auth").after(s=9), "f2"), injected=True)
    ledger.open(window(fault, fault, 1, FOREVER))
    assert [(event.id, bool(event.links)) for event in ledger.events] == [("f2", False), ("f1", True)]


def test_only_the_open_window_of_a_fault_is_closed(ledger):
    fault = resolved(latency(ms=5).on(EDGE))
    for start in (1, 2):
        ledger.open(window(fault, fault, start, FOREVER))
        ledger.close("f1")
    first, second = ledger.events
    assert (first.start, second.start) == (1, 2)
    assert first.end <= second.end < FOREVER
    assert ledger.opened("f1") is None
    assert ledger.close("f1") is None
    assert ledger.events == [first, second]


def test_a_note_changes_what_is_on_record(ledger):
    fault = resolved(latency(ms=5).on(EDGE))
    ledger.open(window(fault, fault, 1, FOREVER))
    assert ledger.note(ledger.opened("f1"), packets=7) == ledger.events[0]
    assert ledger.events[0].packets == 7
    assert ledger.note(None, packets=7) is None


def test_a_fault_that_is_planned_is_not_on_record_until_it_is_skipped(ledger):
    (planned,) = ledger.planned([resolved(abort(503).on(EDGE).for_cohort("trondheim"))])
    assert (planned.links, planned.injected, planned.cohort, planned.end) == ((), False, "trondheim", FOREVER)
    assert ledger.events == []
    ledger.record_skipped([planned])
    assert [(event.id, event.end < FOREVER) for event in ledger.events] == [("f1", True)]
