"""A log whose writer is killed, paused and started again: what was logged is kept, what was lost is said."""

import json
import time
from pathlib import Path

import pytest

from testbed.evidence.completeness import Counts
from testbed.evidence.reader import LogReader
from testbed.evidence.source import Log
from testbed.evidence.writer import Gap
from testbed.mesh.envoy.log import ProxyLog
from testbed.plan.values import Link

LINKS = (Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", None, "127.9.2.1:8080"),)


class Writer:
    """Stands for an Envoy: its counters, and the file that it appends to."""

    def __init__(self, path: Path) -> None:
        self.path, self.total, self.active, self.connection = path, 0, 0, 0
        path.write_text("")

    def counters(self, admin: str) -> Counts:
        return Counts(self.total, self.active)

    def call(self, *, logged: bool = True) -> None:
        self.total, self.connection = self.total + 1, self.connection + 1
        if logged:
            self.says("attempt", "call")

    def says(self, *kinds: str) -> None:
        with self.path.open("a") as file:
            file.writelines(self.line(kind) + "\n" for kind in kinds)

    def line(self, kind: str) -> str:
        now = f"{time.time():.6f}"
        own = {"attempt": {"host": "127.9.2.1:10001", "number": "1"}, "call": {"attempts": 1}}[kind]
        common = {"kind": kind, "caller": "a-1", "connection": self.connection, "baggage": "tb.id=r", "service": "b"}
        return json.dumps(common | {"start": now, "end": now, "status": 200, "flags": "-"} | own)

    def reborn(self) -> None:
        self.total = self.active = self.connection = 0


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "mesh.log")


@pytest.fixture
def reader(writer: Writer) -> LogReader:
    parse, admin = lambda life: ProxyLog(LINKS, life).read, "127.9.1.1:9990"
    return LogReader(Log("a-1/proxy", writer.path.name, parse, LINKS, admin, writer.counters), writer.path.parent)


def gaps(one: LogReader) -> list[Gap]:
    return [gap for source in ("attempts", "calls") for gap in one.writer.gaps(source)]


def test_events_before_and_after_a_restart_are_kept_despite_a_torn_line(writer: Writer, reader: LogReader) -> None:
    writer.call()
    reader.flush()
    with writer.path.open("a") as file:
        file.write(writer.line("attempt")[:40])
    reader.killed()
    writer.reborn()
    reader.started()
    writer.call()
    assert reader.is_whole()
    assert reader.missing() == ""
    assert [event.call for event in reader.events] == ["a-1:1.1"] * 2 + ["a-1:2/1.1"] * 2  # type: ignore[union-attr]


def test_a_kill_costs_what_was_in_hand_and_the_calls_until_the_next_life(writer: Writer, reader: LogReader) -> None:
    before = time.time()
    writer.call()
    reader.flush()
    reader.killed()
    dead = time.time()
    assert reader.is_whole()  # nothing more will come
    attempts, calls = gaps(reader)
    assert before <= attempts.start == calls.start <= attempts.end <= dead <= calls.end
    assert attempts.why == "a-1/proxy was killed: its requests under way were not logged"
    time.sleep(0.01)
    reader.started()
    born = time.time()
    assert dead < gaps(reader)[1].end <= born


def test_lines_that_never_came_before_a_kill_cost_all_that_went_before(writer: Writer, reader: LogReader) -> None:
    writer.call(logged=False)
    reader.flush(patience_s=0.05)
    reader.killed()
    assert [gap.start for gap in gaps(reader)] == [0.0, 0.0]


def test_a_pause_costs_the_calls_their_times_and_while_it_lasts_the_attempts(writer: Writer, reader: LogReader) -> None:
    reader.writer.paused()
    assert [gap.source for gap in gaps(reader)] == ["attempts", "calls"]
    writer.call(logged=False)
    assert reader.is_whole()  # it is not asked
    reader.writer.resumed()
    assert [gap.source for gap in gaps(reader)] == ["calls"]
    assert not reader.is_whole()
    assert reader.missing() == "a-1/proxy: 0 of 1 requests logged"


def test_an_app_that_writes_its_own_log_loses_what_it_had_in_hand_and_no_more(writer: Writer) -> None:
    log = Log("a-1/app", writer.path.name, lambda life: ProxyLog(LINKS, life).read, LINKS)
    reader = LogReader(log, writer.path.parent)
    writer.call()
    before = time.time()
    with writer.path.open("a") as file:
        file.write(writer.line("attempt") + "\n")  # the first try of a call that will never end
    reader.flush()
    reader.killed()
    dead = time.time()
    assert (reader.is_whole(), reader.writer.alive) == (True, False)
    assert [gap.source for gap in gaps(reader)] == ["attempts", "calls"]
    assert all(before <= gap.start <= gap.end <= dead for gap in gaps(reader))
    reader.started()
    assert (reader.is_whole(), reader.writer.alive, len(reader.events)) == (True, True, 3)
    reader.writer.exited()
    assert (reader.writer.alive, len(gaps(reader))) == (False, 2)


def test_a_call_that_ends_as_the_counters_are_read_is_not_lost(writer: Writer, reader: LogReader) -> None:
    """An app polls without end: the lines of a call come a flush after it was counted, and then it calls again."""
    writer.call(logged=False)
    assert not reader.is_whole()
    reader.catch_up(patience_s=0.05)
    assert reader.missing() == "a-1/proxy: 0 of 1 requests logged"
    writer.says("attempt", "call")
    reader.catch_up()
    assert reader.missing() == ""
    writer.call()
    reader.read_on()
    assert reader.missing() == ""  # a line more than were counted then


def test_a_new_load_forgets_gaps_that_are_over(writer: Writer, reader: LogReader) -> None:
    reader.killed()
    reader.forget()
    assert [gap.source for gap in gaps(reader)] == ["calls"]  # it is still dead
    reader.started()
    reader.forget()
    assert gaps(reader) == []


def test_what_was_read_on_the_way_is_evidence_like_the_rest(writer: Writer, reader: LogReader) -> None:
    for _ in range(4):
        writer.call()
    first = reader.read_on(most=600)
    assert first
    assert 0 < len(first) < 8
    writer.call()
    assert reader.is_whole()
    assert (len(reader.events), reader.missing()) == (10, "")
    assert reader.read_on() is None
