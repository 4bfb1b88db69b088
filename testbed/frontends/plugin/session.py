"""The state of the plugin in one pytest process: settings, running meshes, and the record of the current test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.errors import TestbedError
from testbed.experiment.arm import Arm
from testbed.history.folder import output_folder

if TYPE_CHECKING:
    from testbed.experiment.record import Record
    from testbed.experiment.replay import Replay
    from testbed.experiment.testbed import Testbed
    from testbed.frontends.plugin.progress import Progress
    from testbed.spec.overrides import Overrides


@dataclass
class Session:
    """Settings and state of one pytest process (each xdist worker has its own)."""

    rootdir: Path
    seed: int
    runtime: str = "process"
    keep: bool = False
    kept: str = "runs"  # the folder of saved histories in .testbed
    in_campaign: bool = False  # `testbed calibrate` or `soak` runs this and needs the outcome of every test
    replay: Path | None = None
    arm: Arm = Arm.AS_WRITTEN
    beds: list[Testbed | Replay] = field(default_factory=list)
    record: Record | None = None
    progress: Progress | None = None
    lost: list[str] = field(default_factory=list)  # what could not be written, since the last report

    def start(self, path: str | Path, folders: Sequence[Path], overrides: Overrides) -> Testbed | Replay:
        """Start the mesh of a fixture, or replace it by a recorded run."""
        from testbed.experiment.resolve import resolve
        from testbed.frontends.extensions import refuse_clashes
        from testbed.spec.load import find_topology, load_topology

        refuse_clashes()
        chosen = resolve(load_topology(find_topology(path, *folders)), overrides, self.arm)
        bed: Testbed | Replay
        assert self.record is not None
        if self.replay is not None:
            from testbed.experiment.replay import Replay

            bed = Replay(chosen, self.replay, self.record)
        else:
            from testbed.experiment.launch import launch

            kept = self._meshes() if self.keep else None
            bed = launch(chosen, runtime=self.runtime, seed=self.seed, keep=kept, say=self.say, record=self.record)
        self.beds.append(bed)
        return bed

    def _meshes(self) -> Path | None:
        """The folder for logs of meshes; None, with a warning, if it cannot be made."""
        try:
            return output_folder(self.rootdir) / "meshes"
        except TestbedError as error:
            self.lost.append(f"the logs of meshes are not kept: {error}")
            return None

    def say(self, text: str, for_s: float = 0) -> None:
        """Show the current step, if there is a terminal."""
        if self.progress is not None and self.record is not None:
            self.progress.say(self.record.test, text, for_s)

    def quiet(self) -> None:
        """Remove the progress before pytest prints."""
        if self.progress is not None:
            self.progress.clear()

    def stop(self, bed: Testbed | Replay) -> None:
        """Stop a mesh that a fixture started."""
        bed.stop()
        self.beds = [other for other in self.beds if other is not bed]

    def begin(self, nodeid: str) -> Record:
        """Begin a test: give it a record with its own seed, and attach the record to all meshes."""
        from testbed.experiment.record import Record, seed_of

        self.record = Record(nodeid, seed_of(self.seed, nodeid), self.arm)
        for bed in self.beds:
            bed.record = self.record
        return self.record

    def tells(self, report: pytest.TestReport, record: Record) -> bool:
        """Whether a report gets an outcome: always in a campaign, otherwise for tests with a run."""
        if report.when == "call":
            return self.in_campaign or bool(record.runs)
        return self.in_campaign and not report.passed

    def clean(self) -> None:
        """Reset every mesh. A mesh that cannot be reset is stopped, so that no test uses it."""
        for bed in list(self.beds):
            try:
                bed.clean()
            except BaseException:
                self.stop(bed)
                raise

    def history_path(self, nodeid: str) -> Path:
        """Return the path for the history of a test. Raises `TestbedError` if its folder cannot be made."""
        from testbed.experiment.record import slug

        return output_folder(self.rootdir) / self.kept / f"{slug(nodeid)}.jsonl"


KEY = pytest.StashKey[Session]()


def session_of(config: pytest.Config) -> Session:
    """The session of this pytest process."""
    return config.stash[KEY]
