"""The process that writes a log: whether it runs, which life it is in, and what its ends and pauses cost its log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

FOREVER = float("inf")

State = Literal["running", "paused", "dead"]
Change = Literal["killed", "exited", "started", "paused", "resumed"]

_NEXT: dict[tuple[State, Change], State] = {  # what is not here changes nothing
    ("running", "killed"): "dead",
    ("running", "exited"): "dead",
    ("running", "paused"): "paused",
    ("paused", "killed"): "dead",
    ("paused", "exited"): "dead",
    ("paused", "resumed"): "running",
    ("paused", "started"): "running",
    ("dead", "started"): "running",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time of which a log cannot tell everything."""

    source: str  # "attempts", "calls"
    why: str
    start: float  # 0: since the log began
    end: float = FOREVER  # for ever: it goes on


class WriterState:
    """One writer: a proxy, or an app that writes its own log."""

    def __init__(self, process: str, *, is_proxy: bool) -> None:
        self._process, self._is_proxy = process, is_proxy
        self._state: State = "running"
        self.incarnation = 1
        self._gaps: list[Gap] = []
        self._logged_until = 0.0

    @property
    def alive(self) -> bool:
        """Whether the process is there, running or paused."""
        return self._state != "dead"

    @property
    def tells_counters(self) -> bool:
        """Whether it can be asked for its counters now."""
        return self._is_proxy and self._state == "running"

    def flushed(self, moment: float) -> None:
        """All is logged that had ended by this moment; 0: nobody knows."""
        self._logged_until = moment

    def killed(self) -> None:
        """It is dead: what it had in hand is lost.

        Nobody sees what the apps of a dead proxy try to send until it lives; a dead app sends nothing.
        """
        self._change("killed")
        self._end_gaps()
        now, since = time.time(), self._logged_until
        why = f"{self._process} was killed: what it had in hand was not logged"
        self._gaps.append(Gap("attempts", why, since, now))
        if self._is_proxy:
            self._gaps.append(Gap("calls", f"{why}, and nobody saw the calls that it did not take", since))
        else:
            self._gaps.append(Gap("calls", why, since, now))

    def exited(self) -> None:
        """It has ended by itself, when all that it had in hand was done."""
        self._change("exited")

    def started(self) -> None:
        """It lives again."""
        self._change("started")
        self.incarnation += 1
        self._end_gaps()

    def paused(self) -> None:
        """It stands still: what it has in hand is logged later, what waits for it without its whole wait."""
        self._change("paused")
        now = time.time()
        self._gaps.append(Gap("attempts", f"{self._process} stands still", now))
        why = f"{self._process} stood still, and does not know how long its callers waited"
        self._gaps.append(Gap("calls", why, now))

    def resumed(self) -> None:
        """It goes on."""
        self._change("resumed")
        self._gaps = [gap for gap in self._gaps if gap.end < FOREVER or gap.source != "attempts"]
        self._end_gaps()

    def lost(self, source: str, why: str) -> None:
        """Something of this source was not logged until now."""
        self._gaps.append(Gap(source, why, 0.0, time.time()))

    def forget(self) -> None:
        """Forget the gaps that are over."""
        self._gaps = [gap for gap in self._gaps if gap.end == FOREVER]

    def gaps(self, source: str) -> Iterator[Gap]:
        """Yield what cannot be known of a source; a gap that goes on ends now."""
        now = time.time()
        for gap in self._gaps:
            if source == gap.source:
                yield replace(gap, end=min(gap.end, now))

    def _change(self, change: Change) -> None:
        self._state = _NEXT.get((self._state, change), self._state)

    def _end_gaps(self) -> None:
        now = time.time()
        self._gaps = [replace(gap, end=min(gap.end, now)) for gap in self._gaps]
