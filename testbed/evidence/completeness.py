"""Whether a log is complete: the counters of its writer give the expected number of lines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from testbed import clock
from testbed.evidence.access_log import Reading
from testbed.evidence.connections import CONNECTION, OpenConnections
from testbed.evidence.in_flight import InFlight, is_in_flight
from testbed.history.events import Attempt, Call


class Counts(NamedTuple):
    """The counters of a writer since its start: requests, and connections of tcp edges."""

    total: int = 0  # requests accepted
    active: int = 0  # of these: under way
    connections: int = 0  # accepted
    connected: int = 0  # of these: open


class Completeness:
    """Compares one log with the counters of its writer. An app that writes a log has no counters.

    `asked`: whether the writer can give its counters; a dead or paused one cannot.
    """

    def __init__(self, counts: Callable[[], Counts] | None) -> None:
        self._ask = counts
        self._counts = Counts()
        self._ended = 0  # requests logged since the last start of the writer
        self._standing: int | None = None  # calls of the apps' own that never end, such as the wait of a watcher
        self.connections = OpenConnections()
        self.in_flight = InFlight()
        self.forget()

    def forget(self) -> None:
        """Forget the problems so far."""
        self._garbage = 0
        self.in_flight.forget(clock.wall())
        self._open: dict[str, int] = {}  # calls with fewer attempts in the log than they report

    def before_load(self) -> None:
        """No request of a load is under way: what is in flight now and was before the first load is the apps' own."""
        active = self._counts.active
        self._standing = active if self._standing is None else min(active, self._standing)

    def begin_again(self) -> None:
        """The writer has restarted: its counters start at zero."""
        self._ended, self._counts = 0, Counts()
        self.in_flight.clear()

    def expect_no_more_attempts(self) -> None:
        """The writer is dead: incomplete calls stay incomplete."""
        self._open = {}

    def count(self) -> Counts:
        """Get the counters of the writer."""
        assert self._ask
        self._counts = self._ask()
        return self._counts

    def take(self, reading: Reading) -> None:
        """Add the lines of a reading."""
        self._garbage += reading.garbage
        self._ended += reading.ended
        for event in reading.events:
            if isinstance(event, Attempt) and event.source == CONNECTION:
                self.connections.note(event)
                continue
            self.in_flight.note(event)
            if not is_in_flight(event) and isinstance(event, Attempt | Call):
                self._join(event)

    def has(self, counts: Counts) -> bool:
        """Whether the log has everything that had ended at these counts."""
        ended = self.connections.ended >= counts.connections - counts.connected
        return ended and self._ended >= counts.total - counts.active

    def is_whole(self, *, asked: bool) -> bool:
        """Whether nothing is in flight and everything is logged, or no more lines will come."""
        if self._ask is None:
            return not self._open
        counts = self._counts
        return not asked or (
            not self._open
            and counts.active <= max(self._standing or 0, self.in_flight.lasting(clock.wall()))
            and self._ended == counts.total - counts.active
            and not self.lacks_connections()
        )

    def is_caught_up(self, *, asked: bool) -> bool:
        """Whether the log has all that had ended at the last counts: these can be younger than its last lines."""
        return self._ask is None or not asked or (not self._unjoined() and self.has(self._counts))

    def is_accounted_for(self, *, asked: bool) -> bool:
        """Whether each request that is under way has a line."""
        return self._ask is None or not asked or self.in_flight.requests >= self._counts.active

    def lacks(self, *, asked: bool) -> str:
        """The missing part in words, "" if nothing is missing. Requests may have ended since the last counts."""
        active, known = self._counts.active, self.in_flight.requests
        answered = self._counts.total - active
        since = max(0, self._ended - answered)
        silent = max(0, active - since - max(known, self._standing or 0))
        problems = {
            f"{self._garbage} unreadable lines": self._garbage,
            f"{silent} requests in flight without a line": asked and silent,
            f"{self._ended} of {answered} requests logged": asked and self._ended < answered,
            f"{len(self._unjoined())} calls with missing attempts": self._unjoined(),
        }
        return ", ".join(text for text, there in problems.items() if there)

    def lacks_connections(self) -> str:
        """The missing connections of tcp edges in words, "" if nothing is missing."""
        return self.connections.lacks(self._counts.connections, self._counts.connected)

    def _unjoined(self) -> Collection[str]:
        """The calls that have ended with other attempts than they report."""
        return self._open.keys() - self.in_flight.calls

    def _join(self, event: Attempt | Call) -> None:
        count = self._open.pop(event.call, 0) + (event.attempts if isinstance(event, Call) else -1)
        if count:
            self._open[event.call] = count
