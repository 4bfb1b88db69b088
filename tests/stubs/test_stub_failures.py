"""What is done about a call that fails, and what the answer says of it."""

from __future__ import annotations

import threading

import pytest

from tests.kit.stubs.behaviour import FAIL, IGNORE, behaviour, call, instead, route, static
from tests.kit.stubs.scripted_upstream import Reply

pytestmark = pytest.mark.e2e


def fail(status=503, keep=()):
    return {"kind": "fail", "status": status, "keep": list(keep)}


def without_ms(calls):
    return [{key: value for key, value in made.items() if key != "ms"} for made in calls]


def entry(to, status, failure=None, fallback=None, path="/", tries=1):
    return {"to": to, "path": path, "status": status, "tries": tries, "failure": failure, "fallback": fallback}


WAYS = [(fail(), 500, 503), (fail(502), 404, 502), (fail(503, [404, 429]), 404, 404), (fail(503, [404]), 500, 503)]


def test_fail_maps_any_failure_but_keeps_what_is_kept(start, upstream):
    a, b = upstream(), upstream()
    routes = {f"/{n}": route(call("a", on_failure=way), call("b"), size=4) for n, (way, _, _) in enumerate(WAYS)}
    stub = start(behaviour(routes=routes), {"a": a, "b": b})
    for number, (_, theirs, ours) in enumerate(WAYS):
        a.script(Reply(theirs))
        answer = stub.get(f"/{number}?x=1")
        assert answer.status == ours
        assert answer.headers["content-type"] == "application/json"
        assert answer.body | {"calls": without_ms(answer.body["calls"])} == {
            "service": "shop",
            "replica": "shop-1",
            "path": f"/{number}",
            "status": ours,
            "work": 0,
            "calls": [entry("a", theirs, "fail")],
            "answers": {},
            "fallbacks": [],
            "padding": "xxxx",
            "error": f"a: {theirs}",
        }
    assert b.seen == []  # the route has ended


def test_a_failing_call_ends_the_route_after_its_step_and_the_first_in_order_decides(start, upstream):
    a, b, c, d = upstream(), upstream(), upstream(), upstream()
    a.script(Reply(500, after_ms=80))
    b.script(Reply(500))
    c.script(Reply(200, after_ms=160))
    step = [call("a", on_failure=fail(502)), call("b", on_failure=fail(504)), call("c")]
    answer = start(behaviour(step, call("d")), {"a": a, "b": b, "c": c, "d": d}).get()
    assert (answer.status, answer.body["error"]) == (502, "a: 500")
    assert [made["status"] for made in answer.body["calls"]] == [500, 500, 200]
    assert d.seen == []


def test_ignore_goes_on(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(500))
    answer = start(behaviour(call("a", on_failure=IGNORE), call("b")), {"a": a, "b": b}).get()
    assert answer.status == 200
    assert without_ms(answer.body["calls"]) == [entry("a", 500, "ignore"), entry("b", 200)]
    assert answer.body["fallbacks"] == []
    assert "x-testbed-fallback" not in answer.headers
    assert "error" not in answer.body


def test_a_static_answer_is_handed_on_as_it_is(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(500))
    values = [None, 12.5, "<&> å", {"list": [1, {"deep": None}]}]
    steps = [(call("a", on_failure=static("list-price", value)), call("b")) for value in values]
    stub = start(behaviour(routes={f"/{n}": route(*both) for n, both in enumerate(steps)}), {"a": a, "b": b})
    for number, value in enumerate(values):
        answer = stub.get(f"/{number}")
        assert answer.status == 200
        assert answer.body["answers"] == {"list-price": value}
        assert without_ms(answer.body["calls"]) == [entry("a", 500, "default", "list-price"), entry("b", 200)]
        assert answer.headers["x-testbed-fallback"] == "list-price"


def test_a_fallback_call_is_made_only_on_failure(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(200), Reply(500))
    way = instead("secondary", call("b", path="/other"))
    stub = start(behaviour(call("a", on_failure=way)), {"a": a, "b": b})
    first, second = stub.get(), stub.get()
    assert without_ms(first.body["calls"]) == [entry("a", 200)]
    assert without_ms(second.body["calls"]) == [entry("a", 500, "call", "secondary"), entry("b", 200, path="/other")]
    assert (first.body["fallbacks"], second.body["fallbacks"]) == ([], ["secondary"])
    assert [one.headers.get("x-testbed-fallback") for one in (first, second)] == [None, "secondary"]


def test_fallback_calls_nest_down_to_a_static_answer(start, upstream):
    a, b, c = upstream(), upstream(), upstream()
    for server in (a, b, c):
        server.script(Reply(500))
    last = call("c", on_failure=static("nothing", 0))
    way = instead("second", call("b", retries=1, on_failure=instead("third", last)))
    answer = start(behaviour(call("a", on_failure=way)), {"a": a, "b": b, "c": c}).get()
    assert answer.status == 200
    assert without_ms(answer.body["calls"]) == [
        entry("a", 500, "call", "second"),
        entry("b", 500, "call", "third", tries=2),
        entry("c", 500, "default", "nothing"),
    ]
    assert answer.body["answers"] == {"nothing": 0}
    assert answer.headers["x-testbed-fallback"] == "second,third,nothing"


def test_a_fallback_call_that_fails_ends_the_route_as_it_says(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(404))
    b.script(Reply(418))
    way = instead("second", call("b", on_failure=fail(502, [418])))
    answer = start(behaviour(call("a", on_failure=way)), {"a": a, "b": b}).get()
    assert (answer.status, answer.body["error"]) == (418, "b: 418")
    assert answer.body["fallbacks"] == ["second"]


def test_fallbacks_taken_further_down_are_passed_on_once_and_after_ones_own(start, upstream):
    a, b, c = upstream(), upstream(), upstream()
    a.script(Reply(200, headers={"X-Testbed-Fallback": "deep, shared"}))
    b.script(Reply(500, headers={"x-testbed-fallback": "failed-below"}))
    c.script(Reply(200, headers={"x-testbed-fallback": "shared,last"}))
    steps = [[call("a"), call("b", on_failure=static("own", 1))], call("c")]
    answer = start(behaviour(*steps), {"a": a, "b": b, "c": c}).get()
    assert answer.headers["x-testbed-fallback"] == "own,deep,shared,failed-below,last"
    assert answer.body["fallbacks"] == ["own", "deep", "shared", "failed-below", "last"]


def test_fallbacks_named_by_a_try_that_was_repeated_do_not_count(start, upstream):
    a = upstream()
    a.script(Reply(500, headers={"x-testbed-fallback": "first-try"}), Reply(200))
    answer = start(behaviour(call("a", retries=1)), {"a": a}).get()
    assert (answer.status, answer.body["fallbacks"]) == (200, [])


def test_fallback_calls_of_one_step_are_at_once_too(start, upstream):
    a, b = upstream(), upstream()
    meet = threading.Barrier(2)
    a.script(Reply(500))
    b.script(Reply(meet=meet))
    way = instead("second", call("b"))
    answer = start(behaviour([call("a", on_failure=way), call("a", on_failure=way)]), {"a": a, "b": b}).get()
    assert (answer.status, [made["to"] for made in answer.body["calls"]]) == (200, ["a", "b", "a", "b"])


def test_each_route_has_its_own_way(start, upstream):
    a = upstream()
    a.script(Reply(500))
    routes = {
        "GET /strict": route(call("a", on_failure=FAIL)),
        "/strict": route(call("a", on_failure=fail(500))),
        "/kind": route(call("a", on_failure=IGNORE), status=202),
    }
    stub = start(behaviour(status=204, routes=routes), {"a": a})
    asked = [("GET", "/strict?q"), ("POST", "/strict"), ("GET", "/kind"), ("GET", "/kind/"), ("PUT", "/")]
    assert [stub.get(path, method=method).status for method, path in asked] == [503, 500, 202, 204, 204]
