"""Stands in for a mesh: re-evaluates tests from the recorded runs of an earlier pytest run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from testbed.errors import TestbedError
from testbed.experiment.record import Record, slug
from testbed.history.file import History
from testbed.renamed import warn

if TYPE_CHECKING:
    from testbed.experiment.run import Run
    from testbed.spec.overrides import PolicyOverrides
    from testbed.spec.topology import Topology


class Replay:
    """Has the methods of a `Testbed`, but starts, sends and injects nothing: every run is read from its file.

    `path` is a recorded run, or the folder with one for each test. `record` is the record of the test.
    """

    def __init__(self, topology: Topology, path: Path, record: Record) -> None:
        self.topology, self.record, self._path = topology, record, path
        self._read: dict[str, list[History]] = {}

    def experiment(self, *faults: object, **rest: object) -> Run:
        """Return the next recorded run of this test; raise its report if it ended before its fault."""
        from testbed.checks import ineffective_report
        from testbed.experiment.run import Run

        test = self.record
        kept = self._read.setdefault(test.test, self._histories(test.test))
        if not kept:
            raise TestbedError(f"{test.test} needs more runs than {self._file(test.test)} has")
        run = Run(kept.pop(0), test.arm)
        test.runs.append(run)
        if (report := ineffective_report(run.history.index)) is not None:
            run.end(report)
        return run

    def load(self, *shape: object, **rest: object) -> Replayed:
        """Stand in for traffic; its result is the next recorded run."""
        return Replayed(self)

    def inject(self, *faults: object) -> Replayed:
        """Stand in for an injection."""
        return Replayed(self)

    def override_policies(self, overrides: PolicyOverrides) -> Replayed:
        """Stand in for changed policies, which the recorded run contains; refuse invalid ones."""
        before = self.topology
        self.topology = before.with_overrides(policies=overrides)
        return Replayed(self, lambda: setattr(self, "topology", before))

    def policies(self, overrides: PolicyOverrides) -> Replayed:
        """Do the same by its old name, with a warning."""
        warn("policies", "override_policies")
        return self.override_policies(overrides)

    def clean(self) -> None:
        """Nothing to clean."""

    def stop(self) -> None:
        """Nothing to stop."""

    def __getattr__(self, name: str) -> NoReturn:
        raise TestbedError(
            f"a replay has no running mesh, so shop.{name} is not possible: run without --testbed-replay"
        )

    def _file(self, test: str) -> Path:
        return self._path / f"{slug(test)}.jsonl" if self._path.is_dir() else self._path

    def _histories(self, test: str) -> list[History]:
        file = self._file(test)
        if not file.is_file():
            raise TestbedError(
                f"there is no recorded run of {test}: looked for {file} (record one with --testbed-keep)"
            )
        return read_runs(file)


class Replayed:
    """Traffic or an injection of a recorded run."""

    def __init__(self, replay: Replay, restore: Callable[[], None] = lambda: None) -> None:
        self._replay = replay
        self.restore = restore
        self._run: Run | None = None

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Send nothing."""

    def heal(self) -> None:
        """Heal nothing."""

    def stop(self) -> None:
        """Stop nothing."""

    def result(self) -> Run:
        """Return the recorded run."""
        if self._run is None:
            self._run = self._replay.experiment()
        return self._run

    def __enter__(self) -> Replayed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()


def write_runs(runs: Sequence[Run], path: Path) -> None:
    """Write the histories of one test, one after the other, into one file of JSON lines.

    Raises `TestbedError` if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TestbedError(f"cannot write into {path.parent}: {error.strerror}") from error
    History([event for run in runs for event in run.history.events]).write(path)


def read_runs(path: Path) -> list[History]:
    """Read a file of `write_runs`: a history for each `run` event."""
    from testbed.history.events import RunInfo

    histories: list[list[Any]] = []
    for event in History.read(path).events:
        if isinstance(event, RunInfo):
            histories.append([])
        if not histories:
            raise TestbedError(f"{path}: the first line is not a run event, so this is not a history")
        histories[-1].append(_translated(_with_outcome(event)))
    return [History(events) for events in histories]


def _translated(event: Any) -> Any:
    """Return a sample with neutral names of counters; a history from an older version has those of Envoy."""
    from testbed.history.events import Sample
    from testbed.mesh.envoy.monitor import translated

    return replace(event, values=translated(event.values)) if isinstance(event, Sample) and event.edge else event


def _with_outcome(event: Any) -> Any:
    """Return an event with its outcome; a history from an older version has only flags."""
    from testbed.envoy.flags import has_begun, outcome
    from testbed.history.events import Arrival, Attempt, Call
    from testbed.mesh.none.log import CODES

    if not isinstance(event, Attempt | Call | Arrival) or event.outcome or not event.flags:
        return event
    refused = event.refused if isinstance(event, Call) else True
    begun = has_begun(event.status, event.grpc_status) or (isinstance(event, Attempt) and event.status != 0)
    said = "" if begun else CODES.get(event.flags)
    return replace(event, outcome=said or outcome(event.flags, refused=refused, begun=begun))
