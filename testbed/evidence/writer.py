"""The process that writes a log: its state, its number of starts, and the gaps that kills and pauses leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from testbed import clock

FOREVER = float("inf")

State = Literal["running", "paused", "dead"]
Change = Literal["killed", "exited", "started", "paused", "resumed"]

_NEXT: dict[tuple[State, Change], State] = {  # any other change has no effect
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
    """A period of time in which a log may be incomplete."""

    source: str  # "attempts", "calls"
    why: str
    start: float  # 0: since the start of the log
    end: float = FOREVER  # infinite: not over


class WriterState:
    """One writer: a proxy, or an app that writes a log."""

    def __init__(self, process: str, *, is_proxy: bool) -> None:
        self._process, self._is_proxy = process, is_proxy
        self._state: State = "running"
        self.incarnation = 1
        self._gaps: list[Gap] = []
        self._logged_until = 0.0

    @property
    def alive(self) -> bool:
        """Whether the process exists, running or paused."""
        return self._state != "dead"

    @property
    def tells_counters(self) -> bool:
        """Whether it can give its counters now."""
        return self._is_proxy and self._state == "running"

    def flushed(self, moment: float) -> None:
        """Everything that ended before this moment is logged; 0: unknown."""
        self._logged_until = moment

    def killed(self) -> None:
        """It was killed: the requests under way are not logged.

        Calls to a dead proxy are not recorded until it is started again; a dead app makes no calls.
        """
        self._change("killed")
        self._end_gaps()
        now, since = clock.now(), self._logged_until
        why = f"{self._process} was killed: its requests under way were not logged"
        self._gaps.append(Gap("attempts", why, since, now))
        if self._is_proxy:
            self._gaps.append(Gap("calls", f"{why}, and calls to it while it was dead were not recorded", since))
        else:
            self._gaps.append(Gap("calls", why, since, now))

    def exited(self) -> None:
        """It exited by itself after its last request."""
        self._change("exited")

    def started(self) -> None:
        """It was started again."""
        self._change("started")
        self.incarnation += 1
        self._end_gaps()

    def paused(self) -> None:
        """It is paused: it logs requests under way later, and waiting requests with too short a wait."""
        self._change("paused")
        now = clock.now()
        self._gaps.append(Gap("attempts", f"{self._process} is paused", now))
        why = f"{self._process} was paused, so it did not measure how long its callers waited"
        self._gaps.append(Gap("calls", why, now))

    def resumed(self) -> None:
        """It runs again."""
        self._change("resumed")
        self._gaps = [gap for gap in self._gaps if gap.end < FOREVER or gap.source != "attempts"]
        self._end_gaps()

    def lost(self, source: str, why: str) -> None:
        """Some events of this source were not logged until now."""
        self._gaps.append(Gap(source, why, 0.0, clock.now()))

    def forget(self) -> None:
        """Forget the gaps that are over."""
        self._gaps = [gap for gap in self._gaps if gap.end == FOREVER]

    def gaps(self, source: str) -> Iterator[Gap]:
        """Yield the gaps of a source; an open gap ends now."""
        now = clock.now()
        for gap in self._gaps:
            if source == gap.source:
                yield replace(gap, end=min(gap.end, now))

    def _change(self, change: Change) -> None:
        self._state = _NEXT.get((self._state, change), self._state)

    def _end_gaps(self) -> None:
        now = clock.now()
        self._gaps = [replace(gap, end=min(gap.end, now)) for gap in self._gaps]
