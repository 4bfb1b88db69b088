"""One growing log: its lines as events, and whether it is complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from testbed import clock
from testbed.evidence.access_log import Reading, TrafficEvent
from testbed.evidence.completeness import Completeness, Counts
from testbed.evidence.connections import is_open
from testbed.evidence.in_flight import is_in_flight
from testbed.evidence.source import Log, Tail
from testbed.evidence.writer import WriterState
from testbed.history.private import without_secrets
from testbed.plan.values import FLUSH_MS

STEP_S = FLUSH_MS / 2000


class LogReader:
    """One log: its events since `forget`.

    Call `paused()`, `resumed()` and `exited()` on `writer`. Changes that also affect the log have a method here.
    """

    def __init__(self, log: Log, directory: Path, *, queries: bool = False) -> None:
        """`queries`: the values of query strings are kept."""
        self.log, self._tail, self._parse = log, Tail(directory / log.path), log.reader(1)
        self._queries = queries
        self.writer = WriterState(log.process, is_proxy=log.admin is not None)
        self.completeness = Completeness(_counts(log))
        self.events: list[TrafficEvent] = []

    # -- changes of the writer

    def flush(self, patience_s: float = 1.0) -> None:
        """Wait until everything that has ended by now is logged. Call it before the writer is killed.

        An app that writes a log does so at once.
        """
        now = clock.wall()
        logged = self._wait_until_logged(patience_s) if self.log.admin else True
        self.writer.flushed(now if logged else 0.0)

    def killed(self) -> None:
        """The writer was killed."""
        self.read_on()
        self._tail.skip()  # an incomplete last line
        self.completeness.expect_no_more_attempts()
        self.completeness.in_flight.clear()
        self.writer.killed()

    def started(self) -> None:
        """The writer was started again: its counters and the names of its calls begin again."""
        self.writer.started()
        self._parse = self.log.reader(self.writer.incarnation)
        self.completeness.begin_again()
        self.events += self.completeness.connections.cut(clock.wall())

    def restarted(self) -> None:
        """The writer was restarted between two loads: its old lines are not evidence."""
        self.started()
        self._tail.skip()
        self.forget()

    def restarted_under_load(self) -> None:
        """The writer was restarted during a load: its old lines are still evidence."""
        lacking = {"attempts": self.missing() or self.unconnected(), "calls": self.missing()}
        for source, why in lacking.items():
            if why:
                self.writer.lost(source, why)
        self.completeness.forget()
        self.started()

    # -- the content of the log

    def forget(self) -> None:
        """Forget everything logged so far."""
        self.events = []
        self.completeness.before_load()
        self.completeness.forget()
        self.writer.forget()

    def read_on(self, most: int = -1) -> Sequence[TrafficEvent] | None:
        """Read the new lines, at most this number of bytes; None if there are none."""
        lines = self._tail.read(most)
        reading = self._read(lines)
        self._take(reading)
        return reading.events if lines else None

    def everything(self) -> list[TrafficEvent]:
        """Return the events, the open connections and the requests under way."""
        now = clock.wall()
        return [*self.events, *self.completeness.connections.until(now), *self.completeness.in_flight.until(now)]

    def is_whole(self) -> bool:
        """Read on; True if nothing is in flight and everything is logged, or no more lines will come."""
        if self.writer.tells_counters:
            self.completeness.count()
        self.read_on()
        return self.completeness.is_whole(asked=self.writer.tells_counters)

    def is_accounted_for(self) -> bool:
        """Read on; True if each request that is under way has a line."""
        self.is_whole()
        return self.completeness.is_accounted_for(asked=self.writer.tells_counters)

    def catch_up(self, patience_s: float = 1.0) -> None:
        """Read on until the log has what had ended at the last counts, which can be younger than its last lines."""
        self._read_until(lambda: self.completeness.is_caught_up(asked=self.writer.tells_counters), patience_s)

    def missing(self) -> str:
        """The missing part in words, "" if nothing is missing. Does not ask a paused writer."""
        return self._with_name(self.completeness.lacks(asked=self.writer.tells_counters))

    def unconnected(self) -> str:
        """The missing connections of tcp edges in words, "" if nothing is missing."""
        return self._with_name(self.completeness.lacks_connections() if self.writer.tells_counters else "")

    def _with_name(self, lacking: str) -> str:
        return f"{self.log.process}: {lacking}" if lacking else ""

    def _take(self, reading: Reading) -> None:
        over = (event for event in reading.events if not is_open(event) and not is_in_flight(event))
        self.events += [event for event in over if not self.log.unsent(event)]
        self.completeness.take(reading)

    def _read(self, lines: Sequence[str]) -> Reading:
        reading = self._parse(lines)
        events = tuple(without_secrets(event, queries=self._queries) for event in reading.events)
        return replace(reading, events=events)

    def _wait_until_logged(self, patience_s: float) -> bool:
        """Whether everything that ended before this call was logged in time."""
        if not self.writer.tells_counters:
            return False
        counts = self.completeness.count()
        return self._read_until(lambda: self.completeness.has(counts), patience_s)

    def _read_until(self, done: Callable[[], bool], patience_s: float) -> bool:
        """Read on until this is so, at most so long; return whether it is."""
        deadline = time.monotonic() + patience_s
        while not done() and time.monotonic() < deadline:
            time.sleep(STEP_S)
            self.read_on()
        return done()


def _counts(log: Log) -> Callable[[], Counts] | None:
    return partial(log.counts, log.admin) if log.admin else None
