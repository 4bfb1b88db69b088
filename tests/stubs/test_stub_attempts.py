"""The attempt log: a line for each try and each call, whole, on the clock of everybody else."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.kit.stubs.behaviour import IGNORE, behaviour, call, instead
from tests.kit.stubs.scripted_upstream import SILENCE, Reply

pytestmark = pytest.mark.e2e
TRY = {"kind", "request", "to", "host", "try", "call", "start", "ms", "status", "error"}
CALL = {"kind", "request", "to", "tries", "call", "start", "ms", "status", "error"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "attempts.jsonl"


def lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_each_try_and_then_the_call(start, upstream, log):
    one, two = upstream(), upstream()
    one.script(Reply(503, after_ms=30))
    two.script(SILENCE)
    stub = start(behaviour(call("a", retries=2, timeout=1000, pause=20)), {"a": [one, two]}, ATTEMPT_LOG=str(log))
    begin = time.time()
    stub.get(tag="r1")
    end = time.time()
    first, second, third, total = lines(log)
    assert all(set(line) == TRY for line in (first, second, third))
    assert set(total) == CALL
    hosts = [one.host, two.host, one.host]
    assert [(t["kind"], t["try"], t["host"]) for t in (first, second, third)] == [
        ("try", number, host) for number, host in enumerate(hosts, 1)
    ]
    got = [(503, ""), (0, "timeout"), (503, "")]
    assert [(t["status"], t["error"]) for t in (first, second, third)] == got
    assert (total["kind"], total["tries"], total["status"], total["error"]) == ("call", 3, 503, "")
    assert {(line["request"], line["to"]) for line in lines(log)} == {("r1", "a")}
    assert len({line["call"] for line in lines(log)}) == 1
    assert [t["ms"] >= least for t, least in ((first, 30), (second, 1000), (third, 30), (total, 1100))] == [True] * 4
    starts = [t["start"] for t in (first, second, third)]
    assert begin - 0.002 <= total["start"] <= starts[0] <= starts[1] - 0.05 <= starts[2] - 1.07
    assert starts[2] + third["ms"] / 1000 <= end + 0.002


def test_what_went_wrong_has_a_word(start, upstream, log):
    a = upstream()
    a.script(Reply(ending="hang-up"), Reply(ending="reset"), Reply(ending="garbage"), Reply(404))
    stub = start(behaviour(call("a", on_failure=IGNORE)), {"a": a}, ATTEMPT_LOG=str(log))
    for _ in range(4):
        stub.get()
    a.stop()
    stub.get()
    a.start()
    tries = [(line["status"], line["error"]) for line in lines(log) if line["kind"] == "try"]
    assert tries == [(0, "reset"), (0, "reset"), (0, "other"), (404, ""), (0, "refused")]
    assert tries == [(line["status"], line["error"]) for line in lines(log) if line["kind"] == "call"]
    assert {line["request"] for line in lines(log)} == {""}


def test_a_fallback_call_is_a_call_of_its_own(start, upstream, log):
    a, b = upstream(), upstream()
    a.script(Reply(500))
    way = instead("second", call("b"))
    stub = start(behaviour(call("a", on_failure=way)), {"a": a, "b": b}, ATTEMPT_LOG=str(log))
    stub.get(tag="r1")
    assert [(line["kind"], line["to"]) for line in lines(log)] == [
        ("try", "a"),
        ("call", "a"),
        ("try", "b"),
        ("call", "b"),
    ]
    assert len({line["call"] for line in lines(log)}) == 2


def test_lines_of_many_stubs_and_requests_stay_whole(start, upstream, log):
    a = upstream()
    told = behaviour([call("a", path=f"/{'x' * 200}") for _ in range(3)])
    stubs = [start(told, {"a": a}, ATTEMPT_LOG=str(log)) for _ in range(2)]
    with ThreadPoolExecutor(12) as clients:
        list(clients.map(lambda number: stubs[number % 2].get(tag=f"r{number}"), range(60)))
    assert len(lines(log)) == 60 * 6
    calls = {line["call"] for line in lines(log)}
    assert len(calls) == 180
    assert len({(line["request"], line["call"]) for line in lines(log)}) == 180


def test_health_is_not_logged_and_a_log_is_appended_to(start, upstream, log):
    log.write_text('{"kind":"old"}\n')
    a = upstream()
    stub = start(behaviour(call("a")), {"a": a}, ATTEMPT_LOG=str(log))
    stub.get("/healthz")
    stub.get()
    assert [line["kind"] for line in lines(log)] == ["old", "try", "call"]
