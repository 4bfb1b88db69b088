"""What one load leaves: a closed history on the record of its own test, or nothing at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import TestbedError, command_probe
from testbed.evidence.telemetry import receiver
from testbed.evidence.telemetry.receiver import SpanReceiver
from testbed.evidence.telemetry.spans import Received
from testbed.experiment import recording
from testbed.experiment.arm import Arm
from testbed.experiment.assembly import Parts
from testbed.experiment.load_journal import NAME
from testbed.experiment.record import Record, running
from testbed.experiment.recording import LoadSession
from testbed.experiment.testbed import Testbed
from testbed.faults import delay
from testbed.history.events import PolicyEvent, Request, RunInfo, SpanEvent
from testbed.history.file import History
from testbed.load.schedule import trace_id
from tests.kit.idle_mesh import SHAPE, SHOP, Drivers, Sampler

Make = Callable[[Record], Testbed]
WHOLE = ("warm-up", "hold")


def session(bed: Testbed, number: int = 1) -> LoadSession:
    return recording.begin(bed.parts, bed.record, SHAPE, number)


def ran(one: LoadSession) -> LoadSession:
    for phase in WHOLE:
        one.traffic.run(for_s=0.05, phase=phase)
    return one


def test_a_history_tells_what_ran_and_what_became_of_every_request(bed: Testbed, drivers: Drivers) -> None:
    run = ran(session(bed)).traffic.result()
    info, index = run.history.index.run, run.history.index
    assert info is not None
    assert (info.test, info.seed, info.mesh) == ("a.py::test", 7, "envoy")
    assert info.topology == SHOP.model_dump(mode="json", by_alias=True)
    assert info.sources == ("requests", "arrivals", "attempts", "calls", "samples")
    assert [phase.name for phase in index.phases if phase.name != "drain"] == [*WHOLE]
    assert {request.id for request in index.requests} == {request.id for request in drivers[0].sent}
    assert {request.phase for request in index.requests} <= {*WHOLE, "drain"}
    assert bed.record.runs == [run]


def test_the_ids_of_two_loads_differ(bed: Testbed) -> None:
    first, second = (ran(session(bed, number)).traffic.result().history.index for number in (1, 2))
    assert {r.id for r in first.requests}.isdisjoint({r.id for r in second.requests})


@pytest.mark.parametrize("finish", [lambda one: one.traffic.result(), lambda one: one.end()], ids=["result", "end"])
def test_an_ended_load_lets_go_of_everything(
    bed: Testbed, drivers: Drivers, finish: Callable[[LoadSession], object]
) -> None:
    one = ran(session(bed))
    assert not one.over
    finish(one)
    assert one.over
    assert drivers[0].closed
    assert one.sampler.stopped  # type: ignore[attr-defined]


def test_a_load_that_is_given_up_is_on_no_record(bed: Testbed) -> None:
    ran(session(bed)).end()
    assert bed.record.runs == []


def test_trouble_at_the_end_leaves_no_driver(bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ran(session(bed))
    monkeypatch.setattr(bed.parts.recorder, "collect", lambda in_flight: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.traffic.result()
    assert one.over
    assert drivers[0].closed
    assert bed.record.runs == []


def test_only_faults_and_policies_of_its_own_time_are_in_a_history(bed: Testbed) -> None:
    def broken(percent: int) -> None:
        fault = delay(ms=percent).on("a -> b")
        ledger, resolved = bed.parts.injector.ledger, bed.parts.injector.check([fault], bed.parts.context({}, 7))
        ledger.record_skipped(ledger.planned(resolved))
        bed.parts.swaps.events.append(PolicyEvent(float(percent), str(percent), {}))

    broken(1)
    one = ran(session(bed))
    broken(2)
    history = one.traffic.result().history
    assert [fault.text for fault in history.index.faults] == ["delay(ms=2).on('a -> b')"]
    assert [event.text for event in history.events if isinstance(event, PolicyEvent)] == ["2"]


def test_what_is_on_record_so_far_holds_the_faults_that_are_to_come(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ran(session(bed))
    monkeypatch.setattr(bed.parts.recorder, "so_far", list)
    resolved = bed.parts.injector.check([delay(ms=1).on("a -> b")], bed.parts.context(one.users, 7))
    index = one.so_far(bed.parts.injector.ledger.planned(resolved))
    assert [fault.text for fault in index.faults] == ["delay(ms=1).on('a -> b')"]
    assert len(index.requests) == one.answered > 0
    gaps = {gap.source: (gap.complete, gap.since <= time.time() - 0.5) for gap in index.evidence}
    assert gaps == {"requests": (False, True), "arrivals": (False, True)}  # of the last moments
    one.end()


def test_a_run_is_judged_as_the_arm_of_its_test_says(make: Make) -> None:
    arms = [Arm.AS_WRITTEN, Arm.WITHOUT_FAULT]
    runs = [ran(session(make(Record(arm=arm)))).traffic.result() for arm in arms]
    assert [run.arm for run in runs] == arms


def test_loads_of_two_meshes_at_once_are_each_on_the_record_of_their_own_test(make: Make) -> None:
    beds = [make(Record(f"test {number}", number)) for number in (1, 2)]
    traffics = [bed.load(SHAPE) for bed in beds]
    for traffic in traffics:
        traffic.run(for_s=0.05)
    runs = [traffic.result() for traffic in traffics]
    assert [bed.record.runs for bed in beds] == [[run] for run in runs]
    infos = [run.history.index.run for run in runs]
    assert [(info.test, info.seed) for info in infos if info] == [("test 1", 1), ("test 2", 2)]


def test_a_load_keeps_the_record_with_which_it_began(bed: Testbed) -> None:
    first = bed.record
    traffic = bed.load(SHAPE)
    traffic.run(for_s=0.05)
    bed.record = Record("the next test")
    run = traffic.result()
    assert first.runs == [run]
    assert bed.record.runs == []


def test_a_driver_that_does_not_start_is_no_load(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise TestbedError("no driver")

    monkeypatch.setattr("testbed.experiment.assembly.Driver", fails)
    with pytest.raises(TestbedError, match="no driver"):
        bed.load(SHAPE)
    monkeypatch.undo()
    assert bed.running_load is None


def test_a_load_that_cannot_be_made_starts_no_sampler(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Sampler()
    monkeypatch.setattr(Parts, "sampler", lambda parts, driver, **_: sampler)
    monkeypatch.setattr(recording, "Traffic", lambda *args, **cold: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session(bed)
    assert not sampler.started


def kept(folder: Path) -> History:
    return History.read(folder / NAME)


def test_while_a_load_is_on_its_journal_has_all_of_the_phases_that_have_ended(bed: Testbed, tmp_path: Path) -> None:
    one = ran(session(bed))
    journal, (_, second) = kept(tmp_path), (p for p in one.traffic.phases if p.name in WHOLE)
    one.end()
    assert journal.index.run is not None
    assert journal.index.run.test == "a.py::test"
    assert list(journal.index.phases) == one.traffic.phases
    due = [request for request in one.traffic.requests() if request.intended < second.end]
    assert sorted(journal.index.requests, key=id_of) == sorted(due, key=id_of)
    assert not journal.complete


def id_of(request: Request) -> str:
    return request.id


def test_the_journal_of_an_ended_load_is_its_history(bed: Testbed, tmp_path: Path) -> None:
    history = ran(session(bed)).traffic.result().history
    journal = kept(tmp_path)
    assert journal.complete
    assert without_info(journal) == without_info(history)


def without_info(history: History) -> list[str]:
    return sorted(str(event) for event in history if not isinstance(event, RunInfo))


def test_the_journal_of_a_load_that_is_given_up_is_not_complete(bed: Testbed, tmp_path: Path) -> None:
    ran(session(bed)).end()
    assert not kept(tmp_path).complete


def test_a_journal_of_a_run_that_could_not_be_recorded_is_not_complete(
    bed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ran(session(bed))
    monkeypatch.setattr(bed.parts.recorder, "collect", lambda in_flight: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.traffic.result()
    assert not kept(tmp_path).complete


def test_probes_are_read_around_and_in_a_load_and_are_in_its_journal(bed: Testbed, tmp_path: Path) -> None:
    probes = {"n": command_probe("echo 5", every_ms=20, unit="rows", timeout_ms=20_000)}
    with bed.load(SHAPE, probes=probes) as traffic:
        traffic.run(for_s=0.1, phase="hold")
    history = traffic.result().history
    assert [probe.unit for probe in history.index.probes.values()] == ["rows"]
    assert {reading.value for reading in history.index.readings} == {5.0}
    first, last = history.index.readings[0], history.index.readings[-1]
    assert first.end <= min(request.sent for request in history.index.requests)
    assert last.at >= max(request.intended for request in history.index.requests)
    assert without_info(kept(tmp_path)) == without_info(history)


def test_a_load_that_is_given_up_reads_no_more(bed: Testbed) -> None:
    one = recording.begin(bed.parts, bed.record, SHAPE, 1, probes={"n": command_probe("echo 5", every_ms=20)})
    one.end()
    for thread in (thread for thread in threading.enumerate() if thread.name == "testbed-probe-n"):
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(("room", "missing"), [(9, ""), (1, "1 spans were beyond the limit and not kept")])
def test_spans_of_the_requests_of_a_load_are_in_its_history(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch, room: int, missing: str
) -> None:
    monkeypatch.setattr(receiver, "MOST_SPANS", room)
    spans = SpanReceiver("127.0.0.1", 0, 0)
    bed.parts = replace(bed.parts, receiver=spans)
    one = ran(session(bed))
    (request, *_) = one.traffic.requests()
    event = SpanEvent("", "a", "a-1", "query", "SELECT 1", "client", request.sent, 5.0)
    spans.take([Received(trace_id(bed.record.seed, request.id), event), Received("0" * 32, event)])
    index = one.traffic.result().history.index
    spans.close()
    assert index.spans == {request.id: [replace(event, request=request.id)]}
    assert [(one.complete, one.missing) for one in index.evidence if one.source == "spans"] == [(not missing, missing)]


def test_a_mesh_of_start_writes_each_run_to_the_test_that_is_running_when_its_load_begins(make: Make) -> None:
    """Such as one of a fixture of a module."""
    tests = [Record("one", 1), Record("two", 2)]
    bed = make(tests[0])
    bed.follows_tests = True
    for test in tests:
        with running(test):
            traffic = bed.load(SHAPE)
            with running(Record("inner")):  # a load that is on stays with its test
                traffic.run(for_s=0.05)
            traffic.result()
    assert [len(test.runs) for test in tests] == [1, 1]
    assert [info.test for test in tests for run in test.runs if (info := run.history.index.run)] == ["one", "two"]
