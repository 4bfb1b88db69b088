"""Whether a log holds all that its writer has done: the writer's own counters say how many lines there must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from testbed.evidence.access_log import Reading
from testbed.evidence.connections import CONNECTION, OpenConnections
from testbed.history.events import Attempt, Call


class Counts(NamedTuple):
    """What a writer has counted since it began: requests, and connections of tcp edges."""

    total: int = 0  # requests taken
    active: int = 0  # of those: in hand
    connections: int = 0  # taken
    connected: int = 0  # of those: open


class Completeness:
    """What was read of one log, beside what its writer counts; an app that writes its own log counts nothing.

    `asked` says whether the writer can tell its counters: one that is dead or paused cannot.
    """

    def __init__(self, counts: Callable[[], Counts] | None) -> None:
        self._ask = counts
        self._counts = Counts()
        self._ended = 0  # requests logged in this life of the writer
        self.connections = OpenConnections()
        self.forget()

    def forget(self) -> None:
        """Forget what was wrong so far."""
        self._garbage = 0
        self._open: dict[str, int] = {}  # calls that do not have as many attempts as they say

    def begin_again(self) -> None:
        """The writer begins a new life: its counters start at zero."""
        self._ended, self._counts = 0, Counts()

    def expect_no_more_attempts(self) -> None:
        """The writer is dead: calls that are not whole stay so."""
        self._open = {}

    def count(self) -> Counts:
        """Ask the writer for its counters."""
        assert self._ask
        self._counts = self._ask()
        return self._counts

    def take(self, reading: Reading) -> None:
        """Take notice of what was read."""
        self._garbage += reading.garbage
        self._ended += reading.ended
        for event in reading.events:
            if isinstance(event, Attempt) and event.source == CONNECTION:
                self.connections.note(event)
            elif isinstance(event, Attempt | Call):
                self._join(event)

    def has(self, counts: Counts) -> bool:
        """Whether all is logged that had ended at these counts."""
        ended = self.connections.ended >= counts.connections - counts.connected
        return ended and self._ended >= counts.total - counts.active

    def is_whole(self, *, asked: bool) -> bool:
        """Whether nothing is in flight and everything is logged, or nothing more will come."""
        if self._ask is None:
            return not self._open
        counts = self._counts
        return not asked or (
            not self._open and counts.active == 0 and self._ended == counts.total and not self.lacks_connections()
        )

    def lacks(self, *, asked: bool) -> str:
        """What is not there, in words; "" if nothing is missing."""
        active = self._counts.active
        answered = self._counts.total - active
        problems = {
            f"{self._garbage} unreadable lines": self._garbage,
            f"{active} requests still in flight": asked and active,
            f"{self._ended} of {answered} requests logged": asked and self._ended != answered,
            f"{len(self._open)} calls whose attempts are not all logged": self._open,
        }
        return ", ".join(text for text, there in problems.items() if there)

    def lacks_connections(self) -> str:
        """What is not there of the connections of tcp edges, in words; "" if nothing is missing."""
        return self.connections.lacks(self._counts.connections, self._counts.connected)

    def _join(self, event: Attempt | Call) -> None:
        count = self._open.pop(event.call, 0) + (event.attempts if isinstance(event, Call) else -1)
        if count:
            self._open[event.call] = count
