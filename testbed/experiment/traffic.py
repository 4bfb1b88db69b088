"""Load in phases while faults come and go, and its result: one closed history."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from testbed import clock
from testbed.arguments import checked
from testbed.errors import TestbedError
from testbed.experiment.progress import OnProgress, no_progress
from testbed.history.events import Evidence, Phase, Request, ScheduleAdherence
from testbed.load.schedule import Schedule, ScheduledRequest

if TYPE_CHECKING:
    from testbed.experiment.run import Run

CHUNK_S = 0.1  # length of the schedule in one chunk for the driver
AHEAD_S = 0.25  # how long before its time a chunk goes to the driver
SWAP = "swap policies"  # the phase without requests while policies change
STEADY = 10  # good requests in a row: then the pools of the apps are warm
DRAIN = "drain"  # the phase in which the last requests of the phase before get their answers
WARM_UP = "warm-up"
WARM_S = 5.0  # the longest extension of a warm-up
LEAST_WARM_S = 0.1


class Sender(Protocol):
    """The needed part of the load driver."""

    def send(self, planned: Sequence[ScheduledRequest], phase: str = "", start_at: float | None = None) -> object:
        """Send these requests on schedule, counted from `start_at` (epoch seconds); return at once."""

    def stop(self, until: float) -> object:
        """Do not send requests that are due at `until` (epoch seconds) or later."""

    def results(self) -> list[Request]:
        """All finished requests so far."""


class Traffic:
    """Open-loop load on the entry, from the first `run` until the end of its `with` block.

    It is long because phases, feeding and the end of a load share one lock and one clock.
    """

    def __init__(
        self,
        schedule: Schedule,
        sender: Sender,
        finish: Callable[[Traffic], Run],
        abandon: Callable[[], None],
        patience_s: float,
        say: OnProgress = no_progress,
        boundary: Callable[[], None] = lambda: None,
        news: Callable[[float], None] = lambda before: None,
        *,
        cold: bool = False,
    ) -> None:
        """`cold`: connections of apps were broken since the last load, so the load begins by replacing them."""
        self._schedule, self._sender, self._finish, self._abandon = schedule, sender, finish, abandon
        self._say = say
        self._boundary = boundary  # called at the start and at the end of every phase
        self._news = news  # called between phases, with a moment: all requests due before it are finished
        self._cold = cold
        self._patience_s = patience_s  # the longest wait of a phase for its last answers
        self._feeder: threading.Thread | None = None
        self._stop = threading.Event()
        self._feeding = threading.Lock()  # held while requests go to the driver, and by `pause` to prevent this
        self._resumes = 0.0  # no request is due before this
        self.planned: list[tuple[float, str]] = []  # when each request was due, and its id
        self._until = math.inf  # later requests are not sent
        self._trouble: Exception | None = None
        self._run: Run | None = None
        self.phases: list[Phase] = []
        self.began = clock.now()

    @checked(TestbedError)
    def run(self, for_s: float, phase: str = "load") -> None:
        """Keep the load on for this time as the phase `phase` (use each name once).

        Where the testbed broke connections of apps since the last load, a warm-up comes first: it lasts until no
        request has failed for a while, at most 5 s. A phase that is itself the warm-up lasts longer for this.

        Returns when every request that was due in the phase has ended, so that the next injection or healing does not
        affect them. Requests that are due during this wait are in the phase "drain".
        """
        if for_s <= 0:
            raise TestbedError(f"traffic.run(for_s={for_s:g}): a phase is longer than 0 s")
        if phase in {DRAIN, SWAP, *(p.name for p in self.phases)}:
            raise TestbedError(f"traffic.run(phase={phase!r}): there is already a phase with this name")
        cold, self._cold = self._cold, False
        if cold and phase != WARM_UP:
            self._keep_on(LEAST_WARM_S, WARM_UP, WARM_S)
        self._keep_on(for_s, phase, WARM_S if cold and phase == WARM_UP else 0)

    def _keep_on(self, for_s: float, phase: str, longer_s: float) -> None:
        """Run one phase; for up to `longer_s` longer, until no request has failed for a while."""
        self._say(phase, for_s)
        self._boundary()
        start = self._start_feeding()
        end = start + for_s
        while (left := end - clock.now()) > 0 and self._trouble is None:
            self._stop.wait(min(left, 0.1))
        end = self._until_steady(end, longer_s) if longer_s else end
        self._raise_trouble()
        self.phases.append(Phase(phase, start, end))
        self._boundary()
        self._drain(end)

    def _until_steady(self, end: float, longer_s: float) -> float:
        """Wait until the last requests were all good, at most so long; return when this was."""
        while clock.now() < end + longer_s and self._trouble is None:
            last = sorted(self._sender.results(), key=lambda request: request.sent)[-STEADY:]
            if len(last) == STEADY and all(request.ok for request in last):
                break
            self._stop.wait(0.1)
        return max(end, clock.now())

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Enter this block when every request has ended, and send nothing in it; then the schedule continues.

        Raises `TestbedError` if a request does not end. The block is a phase: "swap policies".
        """
        begun = clock.now()
        with self._feeding:
            try:
                if left := self._wait_for({name for _, name in self.planned}, clock.now() + AHEAD_S):
                    raise TestbedError(f"{len(left)} requests do not end, so the policies cannot be changed")
                yield
            finally:
                self._resumes = clock.now() + 0.02
        self.mark(SWAP, begun)

    def _drain(self, end: float) -> None:
        """Keep the load on until every request that was due before `end` has ended, or is overdue."""
        self._wait_for({name for moment, name in list(self.planned) if moment < end}, end)
        self._raise_trouble()
        self._news(end)
        self.mark(DRAIN, end)

    def _wait_for(self, due: set[str], since: float) -> set[str]:
        """Wait until these requests have ended, but not longer than a user waits; return the unfinished ones."""
        while (left := due - {r.id for r in self._sender.results()}) and clock.now() - since < self._patience_s:
            self._stop.wait(0.01)
        return left

    def mark(self, phase: str, start: float) -> None:
        """Name the period from `start` until now as a phase, such as inject and heal."""
        self.phases.append(Phase(phase, start, clock.now()))
        self._news(0.0)

    def result(self) -> Run:
        """End the load, wait for the evidence, and return the run."""
        if self._run is None:
            self.stop()
            self._run = self._finish(self)
        return self._run

    def stop(self) -> None:
        """Stop sending; requests in flight may finish."""
        self._stop.set()
        if self._feeder is not None:
            self._feeder.join()
        if self._until == math.inf:
            self._until = clock.now()
            self._sender.stop(self._until)

    def requests(self) -> list[Request]:
        """Every finished request, with the phase in which it was due."""
        return self.placed(self._sender.results())

    def placed(self, requests: Iterable[Request]) -> list[Request]:
        """These requests, with the phase in which each was due."""
        return [replace(r, phase=self.phase_at(r.intended)) for r in requests]

    def paces(self, requests: Sequence[Request]) -> list[ScheduleAdherence]:
        """The schedule adherence of each phase."""
        return [self._pace(phase, requests) for phase in self.phases]

    def completeness(self, requests: Sequence[Request]) -> Evidence:
        """Whether every request of the driver has a result."""
        left = len({name for due, name in self.planned if due < self._until} - {r.id for r in requests})
        return Evidence("requests", left == 0, f"{left} requests have not ended" if left else "")

    def unfinished_since(self, requests: Sequence[Request]) -> float:
        """When the first request that is not among these was due; it may be in the future."""
        known = {request.id for request in requests}
        return min((due for due, name in list(self.planned) if name not in known), default=math.inf)

    def phase_at(self, moment: float) -> str:
        """The phase of this moment, "" if there is none. Between two phases the load drains on."""
        met = [phase for phase in self.phases if phase.start <= moment]
        inside = next((phase.name for phase in met if moment < phase.end), "")
        return inside or (DRAIN if met and met[-1].name == DRAIN else "")

    def _pace(self, phase: Phase, requests: Sequence[Request]) -> ScheduleAdherence:
        planned = sum(1 for due, _ in self.planned if phase.start <= due < phase.end)
        late = sorted((r.sent - r.intended) * 1000 for r in requests if phase.start <= r.intended < phase.end)
        p99 = late[min(len(late) - 1, int(len(late) * 0.99))] if late else 0.0
        return ScheduleAdherence(phase.name, planned, len(late), p99)

    def _start_feeding(self) -> float:
        if self._stop.is_set():
            raise TestbedError("traffic.run after the load ended: keep it inside the `with shop.load(...)` block")
        if self._feeder is None:
            start = clock.now() + 0.02
            self._feeder = threading.Thread(target=self._feed, args=(start,), name="testbed-load", daemon=True)
            self._feeder.start()
            return start
        return clock.now()

    def _feed(self, start: float) -> None:
        due = start
        try:
            while not self._stop.is_set():
                with self._feeding:
                    due = max(due, self._resumes)
                    planned = self._schedule.take(CHUNK_S)
                    self.planned += [(due + p.offset_s, p.id) for p in planned]
                    self._sender.send(planned, start_at=due)
                due += CHUNK_S
                self._stop.wait(max(0.0, due - AHEAD_S - clock.now()))
        except Exception as trouble:
            self._trouble = trouble

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble

    def __enter__(self) -> Traffic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self.phases:
            self.result()
        else:
            self._abandon()
