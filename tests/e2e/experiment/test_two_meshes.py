"""Two experiments at once in one process: each has its mesh, its seed, its faults and its record, and no other's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from threading import Barrier

import pytest

from testbed import abort, constant_rate, get, start, statuses
from testbed.experiment.arm import Arm
from testbed.experiment.launch import launch
from testbed.experiment.record import Record
from testbed.experiment.run import Run
from testbed.experiment.testbed import Testbed
from testbed.spec.topology import Topology

pytestmark = pytest.mark.e2e

PAIR = Topology.model_validate(
    {
        "name": "pair",
        "entry": "front",
        "services": {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}},
    }
)
EDGE = "front -> back"
ARMS = [Arm.AS_WRITTEN, Arm.AS_WRITTEN, Arm.WITHOUT_FAULT]
LOAD = constant_rate(get("/"), rps=30)


@pytest.fixture(scope="module")
def running() -> Iterator[list[Testbed]]:
    with ExitStack() as stack:
        yield [stack.enter_context(launch(PAIR, record=Record(arm=arm))) for arm in ARMS]


@pytest.fixture
def beds(running: list[Testbed]) -> list[Testbed]:
    """Each mesh, given the record of a test of its own."""
    for number, bed in enumerate(running):
        bed.clean()
        bed.record = Record(f"test {number}", number, ARMS[number])
    return running


def test_experiments_at_the_same_time_do_not_mix(beds: list[Testbed]) -> None:
    """The first and the last break the same edge; the last is a calibration without its fault."""
    together = Barrier(len(beds), timeout=60)

    def ran(bed: Testbed) -> Run:
        with bed.load(LOAD) as traffic:
            together.wait()
            with bed.inject(abort(503).on(EDGE)) if bed is not beds[1] else nullcontext():
                traffic.run(for_s=0.4, phase="hold")
                together.wait()
        return traffic.result()

    with ThreadPoolExecutor(len(beds)) as pool:
        runs = list(pool.map(ran, beds))
    records, indexes = [bed.record for bed in beds], [run.history.index for run in runs]
    assert [record.runs for record in records] == [[run] for run in runs]
    assert [(index.run.test, index.run.seed) for index in indexes if index.run] == [(r.test, r.seed) for r in records]
    assert [[one.edges for one in record.injected] for record in records] == [[(EDGE,)], [], [(EDGE,)]]
    assert [{r.status for r in index.requests if r.phase == "hold"} for index in indexes] == [{503}, {200}, {200}]


def test_only_the_run_of_a_calibration_collects_its_red_verdicts(beds: list[Testbed]) -> None:
    *_, calibrated = beds
    fault = abort(503).on(EDGE)
    run = calibrated.experiment(fault, load=LOAD, warmup_s=0, baseline_s=0, hold_s=0.5, recover_s=0)
    report = run.check(all=[statuses(503)])
    assert [verdict.outcome for verdict in report.verdicts] == ["violated"]


def test_a_mesh_that_a_test_starts_itself_is_on_the_record_of_that_test(request: pytest.FixtureRequest) -> None:
    with start(PAIR) as bed:
        fault = abort(503).on(EDGE)
        run = bed.experiment(fault, load=LOAD, warmup_s=0, baseline_s=0, hold_s=0.5, recover_s=0)
    assert bed.record.test == request.node.nodeid
    assert bed.record.runs == [run]
    run.check(all=[statuses(503)])
