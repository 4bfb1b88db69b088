"""Reads all logs of a run until they are whole: as many lines as the proxies have counted, nothing in flight."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from testbed.edge.inlet import LOG as INLET_LOG
from testbed.envoy import FLUSH_MS, STAT_PREFIX
from testbed.errors import TestbedError
from testbed.evidence import inlet
from testbed.evidence.lines import Reading, Seen
from testbed.evidence.log import Log, Tail
from testbed.history import Attempt, Call, Evidence
from testbed.plan import Link, Seat, links_from

if TYPE_CHECKING:
    from testbed.mesh import Mesh
    from testbed.model.topology import Topology

PATIENCE_S = 3.0  # for the last answers, and the last lines, to come
STEP_S = FLUSH_MS / 2000
_COUNTERS = f"/stats?filter=^http\\.{STAT_PREFIX}\\.downstream_rq_(total|active)$"


class Recorded(Protocol):
    """What the recorder needs of a plan."""

    @property
    def topology(self) -> Topology:
        """What runs."""

    @property
    def mesh(self) -> Mesh:
        """Who records what the callers send."""

    @property
    def seats(self) -> Sequence[Seat]:
        """Where proxies may run."""

    @property
    def links(self) -> Sequence[Link]:
        """Every link."""

    @property
    def inlet_admin(self) -> str:
        """Where the inlet tells its counters."""

    @property
    def inlet_control(self) -> str:
        """Where the inlet takes its rules."""


class Recorder:
    """Collects the evidence of one running mesh, one load after the other."""

    def __init__(self, plan: Recorded, directory: Path, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._readers = {log.process: _Reader(log, directory) for log in logs(plan)}

    def begin(self) -> None:
        """Forget what has been logged so far."""
        self._settle()
        for reader in self._readers.values():
            reader.forget()

    def restarted(self, processes: Sequence[str]) -> None:
        """Be told that these processes have been restarted: their counters begin at zero again."""
        for name in processes:
            if name in self._readers:
                self._readers[name].restart()

    def collect(self, *, in_flight: bool = False) -> list[Seen | Evidence]:
        """Wait until the logs are whole (bounded), and return their events and, last, how whole they are.

        `in_flight` says that the load itself still waits for answers: then nobody waits for them here.
        Raises `TestbedError` if a proxy does not answer.
        """
        self._settle(0.0 if in_flight else self._patience_s)
        found = [event for reader in self._readers.values() for event in reader.events]
        return [*found, *self._verdicts()]

    def _settle(self, patience_s: float = 1.0) -> None:
        """Read until every log is whole twice running (an app may be between two calls); at least through one flush."""
        deadline = time.monotonic() + max(patience_s, 3 * FLUSH_MS / 1000)
        quiet = 0
        while quiet < 2 and time.monotonic() < deadline:
            time.sleep(STEP_S)
            whole = [reader.whole() for reader in self._readers.values()]
            quiet = quiet + 1 if all(whole) else 0

    def _verdicts(self) -> Iterator[Evidence]:
        for source in ("attempts", "calls", "arrivals"):
            readers = [reader for reader in self._readers.values() if reader.tells(source)]
            missing = [(reader, text) for reader in readers if (text := reader.missing())]
            edges = sorted({link.edge for reader, _ in missing for link in reader.log.links})
            if readers:
                yield Evidence(source, not missing, "; ".join(text for _, text in missing), tuple(edges))


def logs(plan: Recorded) -> Iterator[Log]:
    """Return every log of a run: the inlet's, and one for each seat whose replicas' calls the mesh records."""
    inlets = [link for link in plan.links if link.inlet]
    parse = partial(inlet.parse, links=inlets, control=plan.inlet_control)
    yield Log("inlet", INLET_LOG, lambda life: parse, inlets, plan.inlet_admin)
    for seat in plan.seats:
        log = plan.mesh.log(plan.topology, seat, links_from(seat, plan.links))
        if log is not None:
            yield log


def counters(admin: str) -> tuple[int, int]:
    """Return how many requests an Envoy has taken in all and has in hand. Raises `TestbedError` if it is silent."""
    connection = http.client.HTTPConnection(admin, timeout=5)
    try:
        connection.request("GET", _COUNTERS)
        lines = connection.getresponse().read().decode().splitlines()
    except (OSError, http.client.HTTPException) as problem:
        raise TestbedError(f"the Envoy at {admin} does not tell its counters: {problem!r}") from problem
    finally:
        connection.close()
    found = {name.rpartition("_")[2]: int(value) for name, _, value in (line.partition(": ") for line in lines)}
    return found.get("total", 0), found.get("active", 0)


class _Reader:
    """One log: its events since `forget`, and whether they are all there."""

    def __init__(self, log: Log, directory: Path) -> None:
        self.log, self._tail, self._life, self._read = log, Tail(directory / log.path), 1, log.reader(1)
        self._ended = 0  # requests logged in this life of the process
        self._total = self._active = 0  # what the process itself has counted in this life
        self.forget()

    def forget(self) -> None:
        self.events: list[Seen] = []
        self._garbage = 0
        self._open: dict[str, int] = {}  # calls that do not have as many attempts as they say

    def restart(self) -> None:
        self._tail.skip()
        self._life += 1
        self._read, self._ended = self.log.reader(self._life), 0
        self.forget()

    def tells(self, source: str) -> bool:
        return (source == "arrivals") == (self.log.process == "inlet")

    def whole(self) -> bool:
        """Read on; True if nothing is in flight and everything is logged."""
        if self.log.admin:
            self._total, self._active = counters(self.log.admin)
        self._take(self._read(self._tail.read()))
        return not self._open and (self.log.admin is None or (self._active == 0 and self._ended == self._total))

    def missing(self) -> str:
        """What is not there, in words; "" if nothing is missing."""
        answered = self._total - self._active
        problems = {
            f"{self._garbage} unreadable lines": self._garbage,
            f"{self._active} requests still in flight": self._active,
            f"{self._ended} of {answered} requests logged": self.log.admin and self._ended != answered,
            f"{len(self._open)} calls whose attempts are not all logged": self._open,
        }
        found = [text for text, there in problems.items() if there]
        return f"{self.log.process}: {', '.join(found)}" if found else ""

    def _take(self, reading: Reading) -> None:
        self.events += reading.events
        self._garbage += reading.garbage
        self._ended += reading.ended
        for event in reading.events:
            if isinstance(event, Attempt | Call):
                self._join(event)

    def _join(self, event: Attempt | Call) -> None:
        count = self._open.pop(event.call, 0) + (event.attempts if isinstance(event, Call) else -1)
        if count:
            self._open[event.call] = count
