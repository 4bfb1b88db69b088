"""The journal of a real load: while it is on, what is known by then; at its end, all that is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testbed import abort, attempts, constant_rate, get, statuses
from testbed.experiment.load_journal import NAME
from testbed.experiment.run import Run
from testbed.experiment.testbed import Testbed
from testbed.history.events import PolicyEvent, RunInfo
from testbed.history.file import History

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
LOAD = constant_rate(get("/"), rps=50)


def kept(bed: Testbed) -> History:
    return History.read(Path(bed.parts.directory) / NAME)


def all_of(history: History) -> list[str]:
    """Every event; when its run is on record is another moment for a journal."""
    return sorted(str(event) for event in history if not isinstance(event, RunInfo))


def test_a_journal_is_judged_as_its_history_is(small: Testbed) -> None:
    with small.load(LOAD) as traffic:
        traffic.run(for_s=0.4, phase="baseline")
        with small.inject(abort(503).on(EDGE)):
            traffic.run(for_s=0.4, phase="hold")
        with small.override_policies({EDGE: {"retries": {"attempts": 2, "retryOn": ["5xx"]}}}):
            traffic.run(for_s=0.3, phase="retried")
    run, journal = traffic.result(), kept(small)
    assert journal.complete
    assert all_of(journal) == all_of(run.history)
    checks = [statuses(200).during("baseline"), attempts(EDGE, exactly=1).during("hold")]
    report = run.check(all=checks)
    assert [v.observed for v in Run(journal).judge(all=checks).verdicts] == [v.observed for v in report.verdicts]


def test_a_load_that_breaks_off_leaves_what_was_known(small: Testbed) -> None:
    def break_off() -> None:
        with small.load(LOAD) as traffic:
            with small.inject(abort(503).on(EDGE)):
                traffic.run(for_s=0.4, phase="hold")
            small.override_policies({EDGE: {"timeout": "1s"}})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    journal = kept(small)
    assert not journal.complete
    phases = [phase.name for phase in journal.index.phases]
    assert phases[-3:] == ["hold", "drain", "swap policies"]  # a warm-up comes first if an earlier test broke a pool
    assert [fault.text for fault in journal.index.faults] == [str(abort(503).on(EDGE))]
    assert {request.status for request in journal.index.requests if request.phase == "hold"} == {502}
    assert any(sample.source == "front-1/proxy" for sample in journal.index.samples)
    assert [event.text for event in journal if isinstance(event, PolicyEvent)] == [EDGE]


KILLED = """
import sys
from pathlib import Path
from testbed import constant_rate, get
from testbed.experiment.launch import launch
from testbed.spec.topology import Topology

services = {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}}
topology = Topology.model_validate({"name": "killed", "entry": "front", "services": services})
with launch(topology, keep=Path(sys.argv[1])) as bed, bed.load(constant_rate(get("/"), rps=50)) as traffic:
    traffic.run(for_s=0.4, phase="first")
    print("first has ended", flush=True)
    traffic.run(for_s=600, phase="second")
"""


def test_a_run_that_is_killed_leaves_the_phases_that_have_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"first has ended\n"
        run.kill()
    (path,) = tmp_path.glob(f"*/{NAME}")
    journal = History.read(path)
    assert not journal.complete
    assert [phase.name for phase in journal.index.phases] == ["first", "drain"]
    assert {request.status for request in journal.index.requests} == {200}
    (verdict,) = Run(journal).judge(all=[statuses(200).during("first")]).verdicts
    assert verdict.outcome == "inconclusive"
    assert "the run has not ended" in verdict.why
