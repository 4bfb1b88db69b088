"""One growing log: its lines as events, and whether they are all there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from testbed.envoy.bootstrap import FLUSH_MS
from testbed.evidence.access_log import Reading, TrafficEvent
from testbed.evidence.completeness import Completeness, Counts
from testbed.evidence.connections import is_open
from testbed.evidence.source import Log, Tail
from testbed.evidence.writer import WriterState

STEP_S = FLUSH_MS / 2000


class LogReader:
    """One log: its events since `forget`.

    `writer.paused()`, `resumed()` and `exited()` are told to its writer; what touches the log as well is told here.
    """

    def __init__(self, log: Log, directory: Path) -> None:
        self.log, self._tail, self._parse = log, Tail(directory / log.path), log.reader(1)
        self.writer = WriterState(log.process, is_proxy=log.admin is not None)
        self._completeness = Completeness(_counts(log))
        self.events: list[TrafficEvent] = []

    # -- what becomes of the writer

    def flush(self, patience_s: float = 1.0) -> None:
        """Wait until everything that has ended by now is logged, because the writer is about to be killed.

        An app that writes its own log does so at once.
        """
        now = time.time()
        logged = self._wait_until_logged(patience_s) if self.log.admin else True
        self.writer.flushed(now if logged else 0.0)

    def killed(self) -> None:
        """The writer is dead."""
        self.read_on()
        self._tail.skip()  # a last line that is not whole
        self._completeness.expect_no_more_attempts()
        self.writer.killed()

    def started(self) -> None:
        """The writer lives again: its counters begin at zero, and so do the names of its calls."""
        self.writer.started()
        self._parse = self.log.reader(self.writer.incarnation)
        self._completeness.begin_again()
        self.events += self._completeness.connections.cut(time.time())

    def restarted(self) -> None:
        """The writer has been started again, between two loads: what it logged before is nobody's evidence."""
        self.started()
        self._tail.skip()
        self.forget()

    def restarted_under_load(self) -> None:
        """The writer has been started again while a load is on: what it logged so far stays evidence."""
        lacking = {"attempts": self.missing() or self.unconnected(), "calls": self.missing()}
        for source, why in lacking.items():
            if why:
                self.writer.lost(source, why)
        self._completeness.forget()
        self.started()

    # -- what is there

    def forget(self) -> None:
        """Forget what has been logged so far."""
        self.events = []
        self._completeness.forget()
        self.writer.forget()

    def read_on(self, most: int = -1) -> Sequence[TrafficEvent] | None:
        """Read what has been logged since the last time, so many bytes at most; None if there is nothing."""
        lines = self._tail.read(most)
        reading = self._parse(lines)
        self._take(reading)
        return reading.events if lines else None

    def everything(self) -> list[TrafficEvent]:
        """Return the events, and the connections that are open."""
        return [*self.events, *self._completeness.connections.until(time.time())]

    def is_whole(self) -> bool:
        """Read on; True if nothing is in flight and everything is logged, or nothing more will come."""
        if self.writer.tells_counters:
            self._completeness.count()
        self.read_on()
        return self._completeness.is_whole(asked=self.writer.tells_counters)

    def missing(self) -> str:
        """What is not there, in words; "" if nothing is missing. A writer that stands still is not asked."""
        return self._said(self._completeness.lacks(asked=self.writer.tells_counters))

    def unconnected(self) -> str:
        """What is not there of the connections of tcp edges, in words; "" if nothing is missing."""
        return self._said(self._completeness.lacks_connections() if self.writer.tells_counters else "")

    def _said(self, lacking: str) -> str:
        return f"{self.log.process}: {lacking}" if lacking else ""

    def _take(self, reading: Reading) -> None:
        self.events += [event for event in reading.events if not is_open(event) and not self.log.unsent(event)]
        self._completeness.take(reading)

    def _wait_until_logged(self, patience_s: float) -> bool:
        """Whether all that had ended when this was called was logged in time."""
        if not self.writer.tells_counters:
            return False
        counts, deadline = self._completeness.count(), time.monotonic() + patience_s
        while not self._completeness.has(counts) and time.monotonic() < deadline:
            time.sleep(STEP_S)
            self.read_on()
        return self._completeness.has(counts)


def _counts(log: Log) -> Callable[[], Counts] | None:
    return partial(log.counts, log.admin) if log.admin else None
