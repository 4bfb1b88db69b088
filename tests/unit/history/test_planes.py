"""The sentences about calls that no policy decided."""

from dataclasses import replace

import pytest

from testbed.history.events import Arrival, Attempt, Call, Event, FaultEvent, RunInfo
from testbed.history.index import Index
from testbed.history.propagation import notes

EDGE = "front -> back"
SERVICES = {"front": {"command": ["x"], "calls": ["back"]}, "back": {"command": ["x"]}}
RUN = RunInfo(0.0, "t", 1, "envoy", {"entry": "front", "services": SERVICES}, {}, ("calls", "attempts", "arrivals"))
CALL = Call("r", EDGE, "front-1", 1, 1.0, 5.0, 0, outcome="in_flight")
ARRIVAL = Arrival("r", EDGE, "front-1", "back-1", 1, 1.0, 4000.0, 0, outcome="in_flight")
ATTEMPT = Attempt("r", EDGE, "front-1", "back-1", 1, 1.0, 5.0, 0, "UC", outcome="reset")
FAULT = FaultEvent("f1", "latency", "latency", "link", ("front-1--back-1",), (EDGE,), 0.5, 2.0)


def told(*events: Event) -> str:
    return "\n".join(notes(Index([RUN, *events])))


def test_who_holds_what_is_still_in_flight() -> None:
    held = told(ARRIVAL, ARRIVAL, CALL)
    assert held == "still in flight on front -> back when the record ended: 2 at back-1, for up to 4 s"
    assert "1 at the proxy of front-1" in told(CALL)
    assert told(replace(ARRIVAL, outcome="", status=200)) == ""


@pytest.mark.parametrize(
    ("protocol", "answered_in", "sentence"),
    [
        ("http", "HTTP/2", "wrong protocol on front -> back: back answers HTTP/2 to HTTP/1.1"),
        ("grpc", "", "wrong protocol on front -> back: back does not answer HTTP/2"),
        ("http", "", "1 of 1 answers of back on front -> back are not valid HTTP/1.1"),
    ],
)
def test_a_wrong_protocol_is_named(protocol: str, answered_in: str, sentence: str) -> None:
    services = SERVICES | {"back": {"command": ["x"], "protocol": protocol}}
    run = replace(RUN, topology={"entry": "front", "services": services})
    wrong = replace(ARRIVAL, status=502, own=True, outcome="protocol_error", answered_in=answered_in)
    assert sentence in "\n".join(notes(Index([run, wrong])))


def test_some_bad_answers_are_no_wrong_protocol() -> None:
    wrong = replace(ARRIVAL, status=502, own=True, outcome="protocol_error")
    assert told(wrong, replace(ARRIVAL, outcome="", status=200)).startswith("1 of 2 answers of back")


def test_a_connection_that_breaks_without_a_fault_has_a_likely_cause() -> None:
    assert "idleTimeout" in told(ATTEMPT, replace(ATTEMPT, status=200, outcome=""))
    assert told(ATTEMPT, FAULT) == ""


def test_a_bad_answer_is_named_from_the_callers_proxy_where_there_is_no_inlet() -> None:
    wrong = replace(ATTEMPT, status=0, flags="UPE", outcome="protocol_error")
    assert told(wrong, replace(wrong, status=200, flags="", outcome="")).startswith("1 of 2 answers of back")


def test_a_connection_that_breaks_under_a_large_body_was_not_idle() -> None:
    broken = replace(CALL, status=503, flags="UC", outcome="reset", sent=3_000_000)
    assert "before it has read the whole body" in told(ATTEMPT, broken)
    assert "idleTimeout" not in told(ATTEMPT, broken)
    assert "idleTimeout" in told(ATTEMPT, replace(broken, sent=100))
