"""What one test did: its runs, its seed; shared by every mesh that the test uses, read by the pytest plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.experiment.traffic import Run


@dataclass(frozen=True)
class Injected:
    """A fault that a test injected, on which edges of which mesh, and the edges of that mesh that have a policy."""

    fault: str
    edges: tuple[str, ...]
    mesh: str
    protected: tuple[str, ...]


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
