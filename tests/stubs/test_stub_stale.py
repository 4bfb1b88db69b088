"""A stale fallback: the last good answer of a call takes the place of one that fails."""

from __future__ import annotations

import json
from itertools import product

import pytest

from tests.kit.stubs.behaviour import behaviour, call, route, stale
from tests.kit.stubs.conforming import RUNTIMES
from tests.kit.stubs.scripted_upstream import Reply

pytestmark = pytest.mark.e2e


def entry(answer):
    (made,) = answer.body["calls"]
    return made["status"], made["failure"], made["fallback"]


def test_the_last_good_answer_is_repeated_and_marked(start, upstream):
    a = upstream()
    a.script(Reply(200, body=b'{"price": 1}'), Reply(200, body=b'{"price": 2}'), Reply(500, body=b'{"price": 3}'))
    stub = start(behaviour(call("a", on_failure=stale("last-price"))), {"a": a})
    fresh = [stub.get(), stub.get()]
    assert [(one.body["answers"], one.body["fallbacks"]) for one in fresh] == [({}, [])] * 2
    for repeated in (stub.get(), stub.get()):
        assert repeated.status == 200
        assert repeated.body["answers"] == {"last-price": {"price": 2}}
        assert repeated.headers["x-testbed-fallback"] == "last-price"
        assert entry(repeated) == (500, "stale", "last-price")


def test_a_call_that_never_succeeded_has_nothing_to_repeat(start, upstream):
    a = upstream()
    a.script(Reply(500))
    answer = start(behaviour(call("a", on_failure=stale("last-price"))), {"a": a}).get()
    assert (answer.status, answer.body["error"]) == (503, "a: 500, and no stored answer yet")
    assert entry(answer) == (500, "stale", None)
    assert "x-testbed-fallback" not in answer.headers


def test_what_is_repeated_is_json_or_else_text(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a", on_failure=stale("last"))), {"a": a})
    bodies = ((b"[1, null]", [1, None]), (b"plain", "plain"), (b"", ""))
    for (body, value), ending in product(bodies, ("whole", "chunked", "until-close")):
        a.script(Reply(200, body=body, ending=ending), Reply(500))
        stub.get()
        assert stub.get().body["answers"] == {"last": value}, ending


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_long_answer_is_repeated_whole(start, upstream):
    a = upstream()
    text = "x" * 300_000
    a.script(Reply(200, body=json.dumps(text).encode()), Reply(500))
    stub = start(behaviour(call("a", on_failure=stale("last"))), {"a": a})
    stub.get()
    assert stub.get().body["answers"] == {"last": text}


def test_each_call_has_a_memory_of_its_own(start, upstream):
    a = upstream()
    a.script(Reply(200, body=b'"one"'), Reply(200, body=b'"two"'), Reply(500))
    first, second = (call("a", path=f"/{n}", on_failure=stale(f"last-{n}")) for n in (1, 2))
    stub = start(behaviour(first, second), {"a": a})
    stub.get()
    assert stub.get().body["answers"] == {"last-1": "one", "last-2": "two"}


def test_reset_makes_it_forget(start, upstream):
    a = upstream()
    a.script(Reply(200), Reply(500))
    told = behaviour(call("a", on_failure=stale("last")), routes={"POST /reset": route()}, reset="/reset")
    stub = start(told, {"a": a})
    assert [stub.get().status, stub.get().status] == [200, 200]
    stub.get("/reset")
    assert stub.get().status == 503 or a.seen  # GET is another request
    assert stub.get("/reset", method="POST").status == 200
    assert stub.get().status == 503
