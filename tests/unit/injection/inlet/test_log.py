import json

import pytest

from testbed.history.events import Arrival
from testbed.injection.inlet.log import parse
from testbed.plan.values import Link

LINK = Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", "127.9.2.1:20001", "127.9.2.1:8080")
CONTROL = "127.9.0.2:9991"
BEFORE = "upstream_reset_before_response_started{connection_termination}"
AFTER = "upstream_reset_after_response_started{protocol_error}"


def line(**more: object) -> str:
    fields = {
        "local": "127.9.2.1:20001",
        "baggage": "tb.id=r1-9",
        "attempt": 2,
        "fault": None,
        "start": "100.000000",
        "end": "100.250000",
        "status": 200,
        "flags": "-",
        "details": "via_upstream",
        "method": "GET",
        "path": "/x",
    }
    return json.dumps(fields | more)


def arrival(**more: object) -> Arrival:
    (found,) = parse([line(**more)], [LINK], CONTROL).events
    assert isinstance(found, Arrival)
    return found


def test_a_plain_arrival() -> None:
    assert arrival() == Arrival("r1-9", "a -> b", "a-1", "b-1", 2, 100.0, 250.0, 200, "", "", "/x", False, "GET")


@pytest.mark.parametrize(
    ("status", "flags", "details", "seen", "own"),
    [
        (503, "-", "via_upstream", 503, False),  # the callee itself says 503
        (503, "UC", BEFORE, 0, False),  # the callee closed without an answer
        (503, "UF", BEFORE, 0, True),  # there is no callee; the caller sees a closed connection
        (200, "UPE", AFTER, 200, False),  # the callee broke off in its answer
        (200, "UC", AFTER, 200, False),
        (502, "UPE", BEFORE, 502, True),  # what the callee said was not HTTP, so the inlet spoke
        (503, "UO", "overflow", 503, True),
        (503, "UH", "no_healthy_upstream", 503, True),
        (404, "NR", "route_not_found", 404, True),
        (0, "DC", "downstream_remote_disconnect", 0, False),  # the caller gave up
        (0, "DI,DC", "downstream_remote_disconnect", 0, False),
        (0, "DI,DR", "http2.remote_reset", 0, False),  # the caller gave up this one of many requests
        (418, "FI", "fault_filter_abort", 418, False),  # an injected fault
        (418, "DI,FI", "fault_filter_abort", 418, False),
        (503, "DI,UC", BEFORE, 0, False),
        (200, "DI", "via_upstream", 200, False),
    ],
)
def test_whose_answer_it_was(status: int, flags: str, details: str, seen: int, own: bool) -> None:
    found = arrival(status=status, flags=flags, details=details)
    assert (found.status, found.own) == (seen, own)


@pytest.mark.parametrize(
    ("status", "flags", "details", "outcome"),
    [
        (200, "UPE", AFTER, "broken_off"),
        (200, "UC", AFTER, "broken_off"),
        (503, "UC", BEFORE, "reset"),
        (502, "UPE", BEFORE, "protocol_error"),
        (200, "DC", "via_upstream", "client_gone"),
        (200, "-", "via_upstream", ""),
    ],
)
def test_how_it_ended(status: int, flags: str, details: str, outcome: str) -> None:
    found = arrival(status=status, flags=flags, details=details)
    assert (found.outcome, found.ok) == (outcome, not outcome)


def test_the_fault_is_named() -> None:
    assert arrival(fault="f1", flags="FI", details="fault_filter_abort", status=503).fault == "f1"
    assert arrival(fault="").fault == ""


def test_control_requests_are_no_arrivals_but_count() -> None:
    reading = parse([line(local=CONTROL, attempt=None, path="/rules"), line()], [LINK], CONTROL)
    assert (len(reading.events), reading.garbage, reading.ended) == (1, 0, 2)


def test_garbage_is_counted() -> None:
    reading = parse([line(local="127.9.9.9:1"), line()[:50], line(attempt=None)], [LINK], CONTROL)
    assert (reading.events, reading.garbage, reading.ended) == ((), 3, 0)


def test_the_caller_that_went_away_and_the_callee_that_was_not_there_have_an_outcome() -> None:
    assert arrival(status=0, flags="DI,DR", details="http2.remote_reset").outcome == "client_gone"
    assert arrival(status=503, flags="UF", details=BEFORE).outcome == "connect_failed"


def test_an_arrival_under_way_is_in_flight_and_ends_nothing() -> None:
    lines = [line(type="DownstreamPeriodic", status=0, details=None, fault="f1"), line(type="DownstreamEnd")]
    reading = parse(lines, [LINK], CONTROL)
    first, last = reading.events
    assert (first.outcome, first.status, first.fault, first.own) == ("in_flight", 0, "f1", False)  # type: ignore[union-attr]
    assert (last.outcome, reading.ended) == ("", 1)
    assert parse([line(type="DownstreamPeriodic", attempt=None)], [LINK], CONTROL).garbage == 0


def test_a_connection_that_could_not_be_made_is_told_from_one_that_broke() -> None:
    broke = {"status": 503, "flags": "UC", "details": BEFORE}
    assert (arrival(**broke).flags, arrival(**broke, refused="refused").flags) == ("UC", "UF")


def test_the_end_of_an_upgraded_connection_is_no_failure() -> None:
    assert arrival(status=101, flags="UC", details=AFTER).outcome == ""


def test_an_arrival_that_the_inlet_does_not_accept_is_on_record() -> None:
    found = arrival(attempt=None, baggage=None, status=403, flags="-", details="upgrade_failed")
    assert (found.own, found.flags, found.outcome, found.attempt) == (True, "upgrade_failed", "rejected", 1)
