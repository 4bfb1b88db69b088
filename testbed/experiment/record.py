"""What one test did: its runs, its seed; shared by every mesh that the test uses, read by the pytest plugin."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.report.injected import Injected as Injected

if TYPE_CHECKING:
    from testbed.experiment.run import Run


@dataclass
class Record:
    """The runs of one test, and every fault that it injected, in a run or outside of one."""

    test: str = "(no test)"
    seed: int = 0
    runs: list[Run] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)

    def unjudged(self) -> list[Run]:
        """Runs that nobody has judged."""
        return [run for run in self.runs if not run.reports]


_current = Record()


def current() -> Record:
    """The record of the test that runs now."""
    return _current


def begin(test: str, seed: int) -> Record:
    """Start a new record; everything that follows belongs to it."""
    global _current
    _current = Record(test, seed)
    return _current


def slug(nodeid: str) -> str:
    """A file name for a test: readable, and unique by a few letters of its hash."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", nodeid.removesuffix(")")).strip("-")[-80:]
    return f"{words}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}"


def seed_of(seed: int, nodeid: str) -> int:
    """The seed of one test: the same whatever else runs and in whatever order."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{nodeid}".encode()).digest()[:4])
