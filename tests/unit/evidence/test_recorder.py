"""The proxy's own counters vouch for the record of its connections: it passes if it is whole."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testbed.evidence.completeness import Counts
from testbed.evidence.reader import LogReader
from testbed.evidence.recorder import Recorder
from testbed.evidence.source import Log
from testbed.experiment.planning import plan_for
from testbed.experiment.sources import logs
from testbed.history.events import Attempt, Evidence
from testbed.mesh.envoy.log import ProxyLog
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace
from testbed.spec.topology import Topology

ASKED, MADE, ENDED = "TcpConnectionStart", "TcpUpstreamConnected", "TcpConnectionEnd"


def mesh() -> Plan:
    services: dict[str, Any] = {
        "api": {"command": "api", "calls": ["db", "auth"]},
        "db": {"command": "db", "protocol": "tcp"},
        "auth": {"language": "go"},
    }
    topology = Topology.model_validate({"name": "t", "entry": "api", "services": services})
    return plan_for(topology, AddressSpace("127.9"))


class Envoy:
    """Stands for one: what it has counted, and the log that it writes."""

    def __init__(self, path: Path) -> None:
        self.path, self.counted = path, Counts()
        path.parent.mkdir(exist_ok=True)
        path.write_text("")

    def counters(self, admin: str) -> Counts:
        return self.counted if admin.startswith("127.9.1.") else Counts()  # the other is the inlet

    def says(self, number: int, *events: str) -> None:
        now = f"{time.time():.6f}"
        common = {"kind": "connection", "connection": number, "service": "db", "caller": "api-1", "flags": "-"}
        common |= {"start": now, "end": now, "sent": 1, "received": 1, "host": None}
        with self.path.open("a") as file:
            file.writelines(json.dumps(common | {"event": event}) + "\n" for event in events)


@pytest.fixture
def envoy(tmp_path: Path) -> Envoy:
    return Envoy(tmp_path / "api-1" / "mesh.log")


@pytest.fixture
def recorder(envoy: Envoy, tmp_path: Path) -> Recorder:
    return Recorder((replace(log, counts=envoy.counters) for log in logs(mesh())), tmp_path, patience_s=0.05)


def proxy_log(envoy: Envoy) -> Log:
    parse = lambda life: ProxyLog(mesh().links, life).read  # noqa: E731
    return Log("api-1/proxy", "api-1/mesh.log", parse, (), "127.9.1.1:9990", envoy.counters)


def verdicts(recorder: Recorder) -> list[Evidence]:
    return [one for one in recorder.collect() if isinstance(one, Evidence) and not one.complete]


def test_a_whole_record_passes(envoy: Envoy, recorder: Recorder) -> None:
    envoy.says(1, ASKED, MADE, ENDED)
    envoy.says(2, ASKED, MADE)  # open
    envoy.says(3, ASKED)  # being made
    envoy.says(4, ASKED, ENDED)  # refused
    envoy.counted = Counts(connections=4, connected=2)
    found = [one for one in recorder.collect() if isinstance(one, Attempt)]
    assert verdicts(recorder) == []
    assert sorted(one.call for one in found) == [f"api-1:1/tcp.{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "0 of 1 connections logged, the ends of 0 of 1 connections logged"),
        ([ASKED, MADE], "the ends of 0 of 1 connections logged"),
    ],
)
def test_a_record_that_lacks_a_line_is_rejected(envoy: Envoy, recorder: Recorder, told: list[str], words: str) -> None:
    envoy.says(1, *told)
    envoy.counted = Counts(connections=1)
    (evidence,) = verdicts(recorder)
    assert (evidence.source, evidence.missing) == ("attempts", f"api-1/proxy: {words}")
    assert evidence.edges == ("api -> db",)  # what the proxy logs of the other edge is not in doubt


def test_an_open_connection_without_a_log_line_is_missing(envoy: Envoy, recorder: Recorder) -> None:
    envoy.says(1, ASKED, MADE)
    envoy.counted = Counts(connections=2, connected=2)
    (evidence,) = verdicts(recorder)
    assert evidence.missing == "api-1/proxy: 1 of 2 connections logged"


def test_lines_that_come_late_are_waited_for(envoy: Envoy, tmp_path: Path) -> None:
    reader = LogReader(proxy_log(envoy), tmp_path)
    envoy.says(1, ASKED, MADE)
    envoy.counted = Counts(connections=1)
    assert not reader.is_whole()
    envoy.says(1, ENDED)
    assert reader.is_whole()


def test_a_second_life_is_counted_anew_and_ends_what_was_open(envoy: Envoy, tmp_path: Path) -> None:
    reader = LogReader(proxy_log(envoy), tmp_path)
    envoy.says(1, ASKED, MADE)
    envoy.says(2, ASKED, MADE, ENDED)
    envoy.counted = Counts(connections=2, connected=1)
    assert reader.is_whole()
    reader.flush()
    reader.killed()
    envoy.counted = Counts(connections=1)
    reader.started()
    assert not reader.is_whole()
    envoy.says(1, ASKED, MADE, ENDED)
    assert reader.is_whole()
    assert len(reader.everything()) == 3


def test_a_kill_before_an_end_was_logged_costs_what_went_before(envoy: Envoy, tmp_path: Path) -> None:
    reader = LogReader(proxy_log(envoy), tmp_path)
    envoy.says(1, ASKED, MADE)
    envoy.counted = Counts(connections=1)  # its end is not in the log
    reader.flush(patience_s=0.05)
    reader.killed()
    assert next(reader.writer.gaps("attempts")).start == 0.0
