"""The runs and the seed of one test. Every mesh of the test writes it, the pytest plugin reads it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.experiment.arm import Arm
from testbed.report.injected import Injected as Injected

if TYPE_CHECKING:
    from testbed.checks import Report, Verdict
    from testbed.experiment.run import Run


@dataclass
class Record:
    """The runs of one test, and every fault that it injected, in a run or outside a run."""

    test: str = "(no test)"
    seed: int = 0
    arm: Arm = Arm.AS_WRITTEN  # the arm of its suite
    runs: list[Run] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    has_client: bool = False  # the test knows the URL of the entry, so it may send requests of its own

    def begin_again(self) -> None:
        """Forget the runs of an earlier try of the same test."""
        self.runs, self.injected, self.has_client = [], [], False

    def unjudged(self) -> list[Run]:
        """The runs without a judgement."""
        return [run for run in self.runs if not run.judged]

    def met_by_nobody(self) -> list[Injected]:
        """The injected faults, if all were healed before a load began and the test sends no requests of its own."""
        during_a_load = any(run.history.index.faults for run in self.runs)
        return [] if during_a_load or self.has_client else self.injected

    def overlooked(self) -> list[Report]:
        """The red reports that the test never looked at."""
        return [report for run in self.runs for report in run.overlooked]

    def swallowed(self) -> list[Report]:
        """The inconclusive reports that the test caught unnamed, unless each claim of it held in a later report."""
        held = {_claim(one) for run in self.runs for report in run.judged for one in report.of("held")}
        reports = [report for run in self.runs for report in run.swallowed]
        return [one for one in reports if one.blind or not one.verdicts or not {*map(_claim, one.red)} <= held]


def _claim(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.check, verdict.population, verdict.phase


_running: list[Record] = []  # for the running tests of this process, the innermost last: a test can run pytest


@contextmanager
def running(record: Record) -> Iterator[None]:
    """Use this record for every mesh that `testbed.start` starts in this block."""
    _running.append(record)
    try:
        yield
    finally:
        _running.remove(record)


def of_running_test(otherwise: Record | None = None) -> Record:
    """Return the record of the running test; outside a test this one, or a new one."""
    return _running[-1] if _running else otherwise or Record()


def slug(nodeid: str) -> str:
    """A file name for a test: readable, and unique because of a few digits of a hash."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", nodeid.removesuffix(")")).strip("-")[-80:]
    return f"{words}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


def seed_of(seed: int, nodeid: str) -> int:
    """The seed of one test. It does not depend on the other tests or on their order."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{nodeid}".encode()).digest()[:4])
