"""Connections of a tcp edge: one attempt each, also those that have not ended."""

import json
from pathlib import Path

from testbed.evidence.reader import LogReader
from testbed.evidence.source import Log
from testbed.mesh.envoy.log import ProxyLog, unsent
from testbed.plan.values import Link

LINKS = [Link("api-1--db-1", "api-1", "db-1", "api -> db", "127.9.2.1:10001", None, "127.9.2.1:8080", protocol="tcp")]


def line(event="TcpConnectionEnd", **more):
    fields = {
        **{"kind": "connection", "event": event, "connection": 7, "service": "db", "host": "127.9.2.1:10001"},
        **{"start": "100.000000", "end": "100.500000", "sent": 10, "received": 20, "flags": "-", "caller": "api-1"},
    }
    return json.dumps(fields | more) + "\n"


def reader(tmp_path: Path, *lines: str) -> LogReader:
    (tmp_path / "log").write_text("".join(lines))
    made = LogReader(Log("api-1/proxy", "log", lambda life: ProxyLog(LINKS, life).read, LINKS, unsent=unsent), tmp_path)
    assert made.is_whole()
    return made


def test_a_connection_that_has_ended_is_an_attempt_without_status_and_request(tmp_path):
    (attempt,) = reader(tmp_path, line("TcpUpstreamConnected"), line()).everything()
    assert (attempt.edge, attempt.caller, attempt.callee, attempt.status) == ("api -> db", "api-1", "db-1", 0)
    assert (attempt.start, attempt.duration_ms, attempt.source) == (100.0, 500.0, "connection")
    assert attempt.request == ""


def test_one_that_could_not_be_made_has_envoys_flag(tmp_path):
    (attempt,) = reader(tmp_path, line(flags="UF")).everything()
    assert attempt.flags == "UF"


def test_one_that_is_open_lasts_until_now_and_is_still_there_for_the_next_load(tmp_path):
    made = reader(tmp_path, line("TcpUpstreamConnected"))
    (attempt,) = made.everything()
    assert attempt.duration_ms > 1_000_000
    made.forget()
    assert [one.call for one in made.everything()] == [attempt.call]
    with (tmp_path / "log").open("a") as file:
        file.write(line())
    assert made.is_whole()
    assert [one.duration_ms for one in made.everything()] == [500.0]


def test_those_of_a_proxy_that_died_ended_with_it(tmp_path):
    made = reader(tmp_path, line("TcpUpstreamConnected"))
    made.started()
    (attempt,) = made.events
    assert made.everything() == [attempt]


def test_a_connection_leaves_calls_and_requests_of_the_log_whole(tmp_path):
    made = reader(tmp_path, line("TcpUpstreamConnected"), line())
    assert made.missing() == ""


def test_one_that_was_refused_by_a_limit_has_ended_and_is_no_attempt(tmp_path):
    made = reader(tmp_path, line("TcpConnectionStart", host=None), line(host=None, flags="UO"))
    assert made.everything() == []
    assert made.completeness.connections.lacks(total=1, active=0) == ""
