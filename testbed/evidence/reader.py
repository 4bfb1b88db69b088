"""One growing log and its writer: its events, what it lacks, and what the ends and pauses of its writer have cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.envoy.admin import Counted, counters
from testbed.envoy.bootstrap import FLUSH_MS
from testbed.evidence.access_log import Reading, Seen
from testbed.evidence.connections import CONNECTION, Standing, is_open
from testbed.evidence.source import Log, Tail
from testbed.history.events import Attempt, Call

STEP_S = FLUSH_MS / 2000
FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Loss:
    """A stretch of time of which a log cannot tell everything."""

    source: str  # "attempts", "calls"
    why: str
    start: float  # 0: since the log began
    end: float = FOREVER  # for ever: it goes on


class Reader:
    """One log: its events since `forget`, and whether they are all there."""

    def __init__(self, log: Log, directory: Path) -> None:
        self.log, self._tail, self._life, self._read = log, Tail(directory / log.path), 1, log.reader(1)
        self._ended = 0  # requests logged in this life of the process
        self._counted = Counted()  # by the process itself, in this life
        self.answers = log.admin is not None  # whether there is an Envoy that tells its counters just now
        self.lives = True  # whether the process runs
        self._losses: list[Loss] = []
        self._standing = Standing()
        self._braced = 0.0  # when `brace` was called; all that had ended by then was logged
        self.forget()

    def forget(self) -> None:
        """Forget what has been logged so far."""
        self.events: list[Seen] = []
        self._garbage = 0
        self._open: dict[str, int] = {}  # calls that do not have as many attempts as they say
        self._losses = [loss for loss in self._losses if loss.end == FOREVER]

    # -- what becomes of the writer

    def restart(self) -> None:
        """The writer has been started again, between two loads: what it logged before is nobody's evidence."""
        self.begun()
        self._tail.skip()
        self.forget()

    def renewed(self) -> None:
        """The writer has been started again while a load is on: what it logged so far stays evidence."""
        lacking = {"attempts": self.missing() or self.unconnected(), "calls": self.missing()}
        self._losses += [Loss(source, text, 0.0, time.time()) for source, text in lacking.items() if text]
        self._open, self._garbage = {}, 0
        self.begun()

    def brace(self, patience_s: float = 1.0) -> None:
        """The writer is about to be killed: wait until everything that has ended by now is logged.

        An app that writes its own log does so at once.
        """
        self._braced = time.time() if self.log.admin is None else 0.0
        if self.answers and self.log.admin:
            now, counted = time.time(), counters(self.log.admin)
            deadline = time.monotonic() + patience_s
            while not self._has(counted) and time.monotonic() < deadline:
                time.sleep(STEP_S)
                self.read_on()
            self._braced = now if self._has(counted) else 0.0

    def killed(self) -> None:
        """The writer is dead: what it had in hand is lost.

        Nobody sees what the apps of a dead proxy try to send until it lives; a dead app sends nothing.
        """
        self.read_on()
        self._tail.skip()  # a last line that is not whole
        self._close()
        self._open, self.answers, self.lives = {}, False, False
        why = f"{self.log.process} was killed: what it had in hand was not logged"
        self._losses.append(Loss("attempts", why, self._braced, time.time()))
        if self.log.admin is None:
            self._losses.append(Loss("calls", why, self._braced, time.time()))
        else:
            self._losses.append(Loss("calls", f"{why}, and nobody saw the calls that it did not take", self._braced))

    def ended(self) -> None:
        """The writer has ended by itself, when all that it had in hand was done."""
        self.answers, self.lives = False, False

    def begun(self) -> None:
        """The writer lives again: its counters begin at zero, and so do the names of its calls."""
        self._life, self.lives = self._life + 1, True
        self._read, self._ended, self._counted = self.log.reader(self._life), 0, Counted()
        self.events += self._standing.cut(time.time())
        self._close()

    def paused(self) -> None:
        """The writer stands still: what it has in hand is logged later, what waits for it without its whole wait."""
        self.answers, now = False, time.time()
        self._losses.append(Loss("attempts", f"{self.log.process} stands still", now))
        why = f"{self.log.process} stood still, and does not know how long its callers waited"
        self._losses.append(Loss("calls", why, now))

    def resumed(self) -> None:
        """The writer goes on."""
        self._losses = [loss for loss in self._losses if loss.end < FOREVER or loss.source != "attempts"]
        self._close()

    def _has(self, counted: Counted) -> bool:
        """Whether all is logged that had ended when this was counted."""
        ended = self._standing.ended >= counted.connections - counted.connected
        return ended and self._ended >= counted.total - counted.active

    def _close(self) -> None:
        now = time.time()
        self._losses = [replace(loss, end=min(loss.end, now)) for loss in self._losses]
        self.answers = self.log.admin is not None

    # -- what is there

    def read_on(self, most: int = -1) -> Sequence[Seen] | None:
        """Read what has been logged since the last time, so many bytes at most; None if there is nothing."""
        lines = self._tail.read(most)
        reading = self._read(lines)
        self._take(reading)
        return reading.events if lines else None

    def everything(self) -> list[Seen]:
        """Return the events, and the connections that are open."""
        return [*self.events, *self._standing.until(time.time())]

    def whole(self) -> bool:
        """Read on; True if nothing is in flight and everything is logged, or nothing more will come."""
        if self.log.admin and self.answers:
            self._counted = counters(self.log.admin)
        self.read_on()
        if self.log.admin is None:
            return not self._open
        counted = self._counted
        asked = not self._open and counted.active == 0 and self._ended == counted.total and not self.unconnected()
        return not self.answers or asked

    def missing(self) -> str:
        """What is not there, in words; "" if nothing is missing. A writer that stands still is not asked."""
        asked, active = self.answers, self._counted.active
        answered = self._counted.total - active
        problems = {
            f"{self._garbage} unreadable lines": self._garbage,
            f"{active} requests still in flight": asked and active,
            f"{self._ended} of {answered} requests logged": asked and self._ended != answered,
            f"{len(self._open)} calls whose attempts are not all logged": self._open,
        }
        found = [text for text, there in problems.items() if there]
        return f"{self.log.process}: {', '.join(found)}" if found else ""

    def unconnected(self) -> str:
        """What is not there of the connections of tcp edges, in words; "" if nothing is missing."""
        lacking = self._standing.lacks(self._counted.connections, self._counted.connected) if self.answers else ""
        return f"{self.log.process}: {lacking}" if lacking else ""

    def losses(self, source: str) -> Iterator[Loss]:
        """Yield what cannot be known of a source; a loss that goes on ends now."""
        now = time.time()
        for loss in self._losses:
            if source == loss.source:
                yield replace(loss, end=min(loss.end, now))

    def _take(self, reading: Reading) -> None:
        self.events += [event for event in reading.events if not is_open(event) and not self.log.unsent(event)]
        self._garbage += reading.garbage
        self._ended += reading.ended
        for event in reading.events:
            if isinstance(event, Attempt) and event.source == CONNECTION:
                self._standing.note(event)
            elif isinstance(event, Attempt | Call):
                self._join(event)

    def _join(self, event: Attempt | Call) -> None:
        count = self._open.pop(event.call, 0) + (event.attempts if isinstance(event, Call) else -1)
        if count:
            self._open[event.call] = count
