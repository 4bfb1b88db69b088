"""Steps, calls at once, timeouts and retries."""

from __future__ import annotations

import threading
import time
from itertools import product

import pytest

from tests.kit.stubs.behaviour import IGNORE, behaviour, call
from tests.kit.stubs.conforming import RUNTIMES
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e


def test_steps_are_made_in_order_each_after_the_answer_of_the_one_before(start, upstream):
    a, b = upstream(), upstream()
    a.script(Reply(after_ms=40))
    answer = start(behaviour(call("a"), call("b", path="/second")), {"a": a, "b": b}).get("/shop", tag="r1")
    assert answer.status == 200
    assert [(c["to"], c["path"], c["status"], c["tries"]) for c in answer.body["calls"]] == [
        ("a", "/", 200, 1),
        ("b", "/second", 200, 1),
    ]
    assert answer.body["calls"][0]["ms"] >= 40
    assert b.seen[0].at >= a.seen[0].at + 0.04


def test_calls_of_one_step_are_made_at_once(start, upstream):
    a, b = upstream(), upstream()
    meet = threading.Barrier(3)
    a.script(Reply(meet=meet))
    b.script(Reply(meet=meet))
    stub = start(behaviour([call("a"), call("b"), call("a", path="/again")]), {"a": a, "b": b})
    answer = stub.get()
    assert [(c["to"], c["path"], c["status"]) for c in answer.body["calls"]] == [
        ("a", "/", 200),
        ("b", "/", 200),
        ("a", "/again", 200),
    ]


def test_twenty_calls_at_once(start, upstream):
    a = upstream()
    meet = threading.Barrier(20)
    a.script(Reply(meet=meet))
    answer = start(behaviour([call("a", path=f"/{n}") for n in range(20)]), {"a": a}).get()
    assert [c["path"] for c in answer.body["calls"]] == [f"/{n}" for n in range(20)]
    assert {c["status"] for c in answer.body["calls"]} == {200}


def test_method_and_path_are_sent_as_written_without_a_body(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a", method="POST", path="/reset?hard=1"), call("a", method="DELETE")), {"a": a})
    assert stub.get().status == 200
    assert [(s.method, s.target) for s in a.seen] == [("POST", "/reset?hard=1"), ("DELETE", "/")]
    assert {name.lower(): text for name, text in a.seen[0].headers.items()}["content-length"] == "0"
    assert a.connections == 1


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_status_from_200_to_399_is_a_success_however_the_body_ends(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a"), call("a", path="/next")), {"a": a})
    for status, ending in product([200, 204, 302, 304, 399], ["whole", "chunked", "until-close"]):
        if status in (204, 304) and ending == "chunked":
            continue  # they have no body
        a.script(Reply(status, ending=ending))
        calls = stub.get().body["calls"]
        assert [(c["status"], c["tries"], c["failure"]) for c in calls] == [(status, 1, None)] * 2, ending
        first, second = a.seen[-2:]
        assert (first.target, second.target) == ("/", "/next")  # a redirect is not followed
        assert (first.connection == second.connection) == (ending != "until-close"), ending
    assert len(a.seen) == 2 * 13


def test_an_answer_to_head_has_no_body_to_wait_for(start, upstream):
    a = upstream()
    answer = start(behaviour(call("a", method="HEAD"), call("a")), {"a": a}).get()
    assert [c["status"] for c in answer.body["calls"]] == [200, 200]
    assert a.connections == 1


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
@pytest.mark.parametrize("reply", [SILENCE, Reply(ending="stall")], ids=["no answer", "half an answer"])
def test_a_timeout_covers_the_whole_answer(start, upstream, reply):
    a = upstream()
    a.script(reply)
    answer = start(behaviour(call("a", timeout=400)), {"a": a}).get()
    (made,) = answer.body["calls"]
    assert (answer.status, answer.body["error"]) == (503, "a: timeout")
    assert (made["status"], made["tries"], made["failure"]) == (0, 1, "fail")
    assert made["ms"] >= 400  # enough for the request to arrive on a busy machine
    assert a.left.wait(60)  # the connection is closed, not kept


def test_a_timeout_is_per_try(start, upstream):
    a = upstream()
    a.script(SILENCE, Reply(after_ms=20))
    answer = start(behaviour(call("a", timeout=1000, retries=2)), {"a": a}).get()
    (made,) = answer.body["calls"]
    assert (answer.status, made["status"], made["tries"]) == (200, 200, 2)
    assert made["ms"] >= 1020


def test_without_a_timeout_the_stub_waits(start, upstream):
    a = upstream()
    a.script(Reply(after_ms=700))
    assert start(behaviour(call("a")), {"a": a}).get().body["calls"][0]["ms"] >= 700


def test_retries_stop_at_the_first_success(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a", retries=5)), {"a": a})
    for status in (404, 500, 503):
        a.seen.clear()
        a.script(Reply(status), Reply(ending="hang-up"), Reply(200))
        answer = stub.get()
        assert (answer.status, answer.body["calls"][0]["tries"], len(a.seen)) == (200, 3, 3)


def test_n_retries_are_n_more_tries_with_a_pause_before_each(start, upstream):
    a = upstream()
    a.script(Reply(503))
    begin = time.monotonic()
    answer = start(behaviour(call("a", retries=3, pause=40)), {"a": a}).get()
    gaps = [later.at - earlier.at for earlier, later in zip(a.seen, a.seen[1:], strict=False)]
    assert (answer.status, answer.body["calls"][0]["tries"], len(a.seen)) == (503, 4, 4)
    assert len(gaps) == 3
    assert min(gaps) >= 0.04
    assert 120 <= answer.body["calls"][0]["ms"] <= (time.monotonic() - begin) * 1000


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_no_retry_without_being_asked_not_even_on_a_kept_connection(start, upstream):
    a = upstream()
    a.script(Reply(), Reply(ending="hang-up"), Reply(), Reply(ending="reset"), Reply())
    stub = start(behaviour(call("a", on_failure=IGNORE)), {"a": a})
    calls = [stub.get().body["calls"][0] for _ in range(4)]
    assert [(c["status"], c["tries"]) for c in calls] == [(200, 1), (0, 1), (200, 1), (0, 1)]
    assert len(a.seen) == 4


@pytest.mark.parametrize("language", RUNTIMES, indirect=True)
def test_a_broken_answer_is_no_answer(start, upstream):
    a = upstream()
    stub = start(behaviour(call("a")), {"a": a})
    for ending, word in (("hang-up", "reset"), ("reset", "reset"), ("cut", "reset"), ("garbage", "other")):
        a.script(Reply(ending=ending))
        answer = stub.get()
        assert (answer.status, answer.body["error"]) == (503, f"a: {word}"), ending
        assert answer.body["calls"][0]["status"] == 0


def test_a_refused_connection_is_no_answer(start, upstream):
    a = upstream()
    a.stop()
    answer = start(behaviour(call("a", retries=1)), {"a": a}).get()
    assert (answer.status, answer.body["error"], answer.body["calls"][0]["tries"]) == (503, "a: refused", 2)
    a.start()
