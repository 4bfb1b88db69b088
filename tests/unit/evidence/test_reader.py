"""A log whose writer is killed, paused and started again: what was logged is kept, what was lost is said."""

import json
import time
from pathlib import Path

import pytest

from testbed.envoy.admin import Counted
from testbed.evidence import reader as module
from testbed.evidence.reader import Loss, Reader
from testbed.evidence.source import Log
from testbed.mesh.envoy.log import ProxyLog
from testbed.plan.values import Link

LINKS = (Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", None, "127.9.2.1:8080"),)


class Writer:
    """Stands for an Envoy: its counters, and the file that it appends to."""

    def __init__(self, path: Path) -> None:
        self.path, self.total, self.active, self.connection = path, 0, 0, 0
        path.write_text("")

    def counters(self, admin: str) -> Counted:
        return Counted(self.total, self.active)

    def call(self, *, logged: bool = True) -> None:
        self.total, self.connection = self.total + 1, self.connection + 1
        if logged:
            with self.path.open("a") as file:
                file.writelines(self.line(kind) + "\n" for kind in ("attempt", "call"))

    def line(self, kind: str) -> str:
        now = f"{time.time():.6f}"
        own = {"attempt": {"host": "127.9.2.1:10001", "number": "1"}, "call": {"attempts": 1}}[kind]
        common = {"kind": kind, "caller": "a-1", "connection": self.connection, "baggage": "tb.id=r", "service": "b"}
        return json.dumps(common | {"start": now, "end": now, "status": 200, "flags": "-"} | own)

    def reborn(self) -> None:
        self.total = self.active = self.connection = 0


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    made = Writer(tmp_path / "mesh.log")
    monkeypatch.setattr(module, "counters", made.counters)
    return made


@pytest.fixture
def reader(writer: Writer) -> Reader:
    log = Log("a-1/proxy", writer.path.name, lambda life: ProxyLog(LINKS, life).read, LINKS, "127.9.1.1:9990")
    return Reader(log, writer.path.parent)


def losses(one: Reader) -> list[Loss]:
    return [loss for source in ("attempts", "calls") for loss in one.losses(source)]


def test_both_lives_are_kept_and_a_torn_line_between_them_harms_nobody(writer: Writer, reader: Reader) -> None:
    writer.call()
    reader.brace()
    with writer.path.open("a") as file:
        file.write(writer.line("attempt")[:40])
    reader.killed()
    writer.reborn()
    reader.begun()
    writer.call()
    assert reader.whole()
    assert reader.missing() == ""
    assert [event.call for event in reader.events] == ["a-1:1.1"] * 2 + ["a-1:2/1.1"] * 2  # type: ignore[union-attr]


def test_a_kill_costs_what_was_in_hand_and_the_calls_until_the_next_life(writer: Writer, reader: Reader) -> None:
    before = time.time()
    writer.call()
    reader.brace()
    reader.killed()
    dead = time.time()
    assert reader.whole()  # nothing more will come
    attempts, calls = losses(reader)
    assert before <= attempts.start == calls.start <= attempts.end <= dead <= calls.end
    assert attempts.why == "a-1/proxy was killed: what it had in hand was not logged"
    time.sleep(0.01)
    reader.begun()
    born = time.time()
    assert dead < losses(reader)[1].end <= born


def test_lines_that_never_came_before_a_kill_cost_all_that_went_before(writer: Writer, reader: Reader) -> None:
    writer.call(logged=False)
    reader.brace(patience_s=0.05)
    reader.killed()
    assert [loss.start for loss in losses(reader)] == [0.0, 0.0]


def test_a_pause_costs_the_calls_their_times_and_while_it_lasts_the_attempts(writer: Writer, reader: Reader) -> None:
    reader.paused()
    assert [loss.source for loss in losses(reader)] == ["attempts", "calls"]
    writer.call(logged=False)
    assert reader.whole()  # it is not asked
    reader.resumed()
    assert [loss.source for loss in losses(reader)] == ["calls"]
    assert not reader.whole()
    assert reader.missing() == "a-1/proxy: 0 of 1 requests logged"


def test_an_app_that_writes_its_own_log_loses_what_it_had_in_hand_and_no_more(writer: Writer) -> None:
    log = Log("a-1/app", writer.path.name, lambda life: ProxyLog(LINKS, life).read, LINKS)
    reader = Reader(log, writer.path.parent)
    writer.call()
    before = time.time()
    with writer.path.open("a") as file:
        file.write(writer.line("attempt") + "\n")  # the first try of a call that will never end
    reader.brace()
    reader.killed()
    dead = time.time()
    assert (reader.whole(), reader.lives) == (True, False)
    assert [loss.source for loss in losses(reader)] == ["attempts", "calls"]
    assert all(before <= loss.start <= loss.end <= dead for loss in losses(reader))
    reader.begun()
    assert (reader.whole(), reader.lives, len(reader.events)) == (True, True, 3)
    reader.ended()
    assert (reader.lives, len(losses(reader))) == (False, 2)


def test_a_new_load_forgets_losses_that_are_over(writer: Writer, reader: Reader) -> None:
    reader.killed()
    reader.forget()
    assert [loss.source for loss in losses(reader)] == ["calls"]  # it is still dead
    reader.begun()
    reader.forget()
    assert losses(reader) == []


def test_what_was_read_on_the_way_is_evidence_like_the_rest(writer: Writer, reader: Reader) -> None:
    for _ in range(4):
        writer.call()
    first = reader.read_on(most=600)
    assert first
    assert 0 < len(first) < 8
    writer.call()
    assert reader.whole()
    assert (len(reader.events), reader.missing()) == (10, "")
    assert reader.read_on() is None
