import json

from testbed.history.events import Attempt, Call
from testbed.mesh.none.log import parse
from testbed.plan.values import Link

LINK = Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", "127.9.2.1:20001", "127.9.2.1:8080")

TRY = {
    "kind": "try",
    "request": "r1-9",
    "to": "b",
    "host": "127.9.2.1:10001",
    "try": 2,
    "call": "c7",
    "start": 100.5,
    "ms": 12.5,
    "status": 0,
    "error": "timeout",
}
CALL = {
    "kind": "call",
    "request": "r1-9",
    "to": "b",
    "call": "c7",
    "tries": 2,
    "start": 100.0,
    "ms": 600.0,
    "status": 200,
    "error": "",
}


def test_tries_and_their_call() -> None:
    assert parse([json.dumps(TRY), json.dumps(CALL)], [LINK]).events == (
        Attempt("r1-9", "a -> b", "a-1", "b-1", 2, 100.5, 12.5, 0, "timeout", "app", "c7", outcome="timeout"),
        Call("r1-9", "a -> b", "a-1", 2, 100.0, 600.0, 200, "", "c7"),
    )


def test_a_try_that_went_nowhere_has_no_callee() -> None:
    (attempt,) = parse([json.dumps(TRY | {"host": ""})], [LINK]).events
    assert isinstance(attempt, Attempt)
    assert attempt.callee == ""


def test_garbage_is_counted() -> None:
    reading = parse([json.dumps(TRY)[:30], json.dumps(TRY | {"to": "zzz"}), json.dumps(CALL)], [LINK])
    assert (len(reading.events), reading.garbage) == (1, 2)
