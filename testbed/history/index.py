"""A history made quick to ask: events by kind, phase, edge and request, and which requests a fault touched."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from testbed.history.events import (
    Arrival,
    Attempt,
    Call,
    Event,
    Evidence,
    FaultEvent,
    Pace,
    Phase,
    PolicyEvent,
    ProcessEvent,
    Request,
    RunInfo,
    Sample,
)
from testbed.history.facts import Wiring, wiring
from testbed.spec.edges import CLIENT

if TYPE_CHECKING:
    from testbed.history.propagation import Dropper, Unused
    from testbed.spec.topology import Topology


class _OfRequest(Protocol):
    @property
    def edge(self) -> str: ...
    @property
    def request(self) -> str: ...


class _Hop(Protocol):
    @property
    def caller(self) -> str: ...
    @property
    def callee(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def duration_ms(self) -> float: ...


J = TypeVar("J", bound=_OfRequest)
E = TypeVar("E")


class Joined(Generic[J]):
    """Attempts, calls or arrivals: all of them in order, by edge, and by request."""

    def __init__(self, events: Sequence[J]) -> None:
        self.all = events

    @cached_property
    def by_edge(self) -> Mapping[str, Sequence[J]]:
        """The events of each edge."""
        groups: dict[str, list[J]] = defaultdict(list)
        for event in self.all:
            groups[event.edge].append(event)
        return dict(groups)

    @cached_property
    def by_request(self) -> Mapping[str, Sequence[J]]:
        """The events that each request caused ("" holds those whose context was lost)."""
        groups: dict[str, list[J]] = defaultdict(list)
        for event in self.all:
            groups[event.request].append(event)
        return dict(groups)

    def on(self, edge: str) -> Sequence[J]:
        """Return the events on one edge."""
        return self.by_edge.get(edge, ())


class Index:
    """All events of a run, looked up without scanning."""

    def __init__(self, events: Iterable[Event]) -> None:
        kinds: dict[type, list[Event]] = defaultdict(list)
        for event in events:
            kinds[type(event)].append(event)

        def of(kind: type[E]) -> list[E]:
            return cast("list[E]", kinds[kind])

        self.run = next(iter(of(RunInfo)), None)
        self.phases, self.requests, self.faults = of(Phase), of(Request), of(FaultEvent)
        self.paces, self.evidence, self.processes = of(Pace), of(Evidence), of(ProcessEvent)
        self.samples, self.swaps = of(Sample), of(PolicyEvent)
        self.attempts: Joined[Attempt] = Joined(of(Attempt))
        self.calls: Joined[Call] = Joined(of(Call))
        self.arrivals: Joined[Arrival] = Joined(of(Arrival))
        self._touched: dict[FaultEvent, frozenset[str]] = {}

    @cached_property
    def wiring(self) -> Wiring:
        """What the recorded topology says."""
        return wiring(self.run.topology if self.run else {})

    @cached_property
    def topology(self) -> Topology:
        """The recorded topology as a model. Raises `TopologyError` if there is none that this version understands."""
        from testbed.spec.load import recorded_topology

        return recorded_topology(self.run.topology if self.run else {})

    def topologies(self, start: float, end: float) -> Sequence[Mapping[str, object]]:
        """Return the topology as it was in force in a stretch: one, or several where policies were swapped in it."""
        changes: list[tuple[float, Mapping[str, object]]]
        changes = [(-math.inf, self.run.topology if self.run else {}), *((s.at, s.topology) for s in self.swaps)]
        ends = [*(at for at, _ in changes[1:]), math.inf]
        return [one for (at, one), over in zip(changes, ends, strict=True) if at < end and over > start]

    @cached_property
    def sources(self) -> frozenset[str]:
        """What the run could show at all; without a RunInfo, what it did show."""
        if self.run:
            return frozenset(self.run.sources)
        shown = {"requests": self.requests, "attempts": self.attempts.all}
        shown |= {"calls": self.calls.all, "arrivals": self.arrivals.all}
        return frozenset(name for name, events in shown.items() if events)

    @cached_property
    def edges(self) -> tuple[str, ...]:
        """Every edge of the topology, and every edge that was seen."""
        seen = [edge for joined in (self.attempts, self.calls, self.arrivals) for edge in joined.by_edge]
        return tuple(dict.fromkeys([*self.wiring.edges, *seen, *(e for f in self.faults for e in f.edges)]))

    @cached_property
    def by_phase(self) -> Mapping[str, Sequence[Request]]:
        """The requests that were meant to be sent in each phase, in the order of the phases."""
        groups: dict[str, list[Request]] = {phase.name: [] for phase in self.phases}
        for request in self.requests:
            groups.setdefault(request.phase, []).append(request)
        return groups

    @cached_property
    def request_ids(self) -> frozenset[str]:
        """The ids of the load's requests."""
        return frozenset(request.id for request in self.requests)

    @cached_property
    def droppers(self) -> Sequence[Dropper]:
        """The services that do not hand on the context of a request."""
        from testbed.history.propagation import droppers

        return tuple(droppers(self))

    @cached_property
    def unused(self) -> Sequence[Unused]:
        """The links that their callers never used."""
        from testbed.history.propagation import unused

        return tuple(unused(self))

    def touch_source(self, fault: FaultEvent) -> str:
        """Return the source that shows what this fault touched."""
        return "arrivals" if fault.plane == "inlet" or fault.behind or "attempts" not in self.sources else "attempts"

    @cached_property
    def windows(self) -> Sequence[Sequence[FaultEvent]]:
        """The windows of each part of a fault that was in force on links of its own (one replica after the other).

        A part is left out if it is the last of several and healing has cut it short, to less than half of the first.
        """
        parts: dict[tuple[str, tuple[str, ...]], list[FaultEvent]] = defaultdict(list)
        ends: dict[str, list[FaultEvent]] = {}  # the first and the last window of each fault
        for window in self.faults:
            parts[window.id, window.links].append(window)
            ends[window.id] = [*ends.get(window.id, [])[:1], window]
        cut = [
            [last] for first, last in (e for e in ends.values() if len(e) == 2) if _lasted(last) < _lasted(first) / 2
        ]
        return [windows for windows in parts.values() if windows not in cut]

    def touched(self, fault: FaultEvent) -> frozenset[str]:
        """Return the ids of the requests that a fault touched ("" among them if a touched one had lost its context).

        A request fault touched what an arrival on its links carries its id for; a fault of a mesh proxy touched the
        requests that were at a replica whose calls that proxy takes (what does not get into it leaves no trace); one of
        a tcp edge those that were at a replica with a connection there; any
        other fault touched the requests of which an attempt (an arrival, where nobody records attempts) was on one of
        its links during its window, or while it was being injected or healed.
        """
        if fault not in self._touched:
            self._touched[fault] = frozenset(self._touches(fault))
        return self._touched[fault]

    def _touches(self, fault: FaultEvent) -> Iterable[str]:
        if fault.behind:
            return self._behind(fault)
        links = frozenset(fault.links)
        if fault.edges and all(map(self.wiring.is_tcp, fault.edges)):
            return self._near_connections(fault, links)
        if fault.plane == "inlet":
            marked = (arrival for arrival in self.arrivals.all if fault.id in arrival.fault.split(","))
            return (arrival.request for arrival in marked if f"{arrival.caller}--{arrival.callee}" in links)
        seen: Joined[Attempt] | Joined[Arrival]
        seen = self.attempts if self.touch_source(fault) == "attempts" else self.arrivals
        hops = (hop for edge in fault.edges or self.edges for hop in seen.on(edge))
        ids = {hop.request for hop in hops if _met(fault, links, hop)}
        return ids | {request.id for request in self._of_the_load(links) if _while(fault, request)}

    def _near_connections(self, fault: FaultEvent, links: frozenset[str]) -> Iterable[str]:
        """Return the requests that were at a replica with a connection that met a fault: which used it nobody knows."""
        met = {hop.caller for edge in fault.edges for hop in self.attempts.on(edge) if _met(fault, links, hop)}
        there = {hop.request for hop in self.arrivals.all if hop.callee in met and _under_way(fault, hop)}
        return there | {r.id for r in self.requests if r.replica in met and _while(fault, r)}

    def _behind(self, fault: FaultEvent) -> Iterable[str]:
        """Return the requests that were at a replica behind the fault's proxy while it was in force."""
        hops: list[Arrival | Attempt] = [*self.arrivals.all, *self.attempts.all]
        there = {hop.request for hop in hops if hop.callee in fault.behind and _under_way(fault, hop)}
        return there | {
            request.id for request in self.requests if request.replica in fault.behind and _while(fault, request)
        }

    def _of_the_load(self, links: frozenset[str]) -> Iterable[Request]:
        """Return the requests that the load itself sent over one of these links."""
        doors = {link.partition("--")[2] for link in links if link.partition("--")[0] == CLIENT}
        return (request for request in self.requests if request.replica in doors) if doors else ()


def _met(fault: FaultEvent, links: frozenset[str], hop: _Hop) -> bool:
    """Whether an attempt or arrival was on one of the fault's links while the fault was in force."""
    return _under_way(fault, hop) and f"{hop.caller}--{hop.callee}" in links


def _under_way(fault: FaultEvent, hop: _Hop) -> bool:
    return _overlap(fault, hop.start, hop.start + hop.duration_ms / 1000)


def _lasted(fault: FaultEvent) -> float:
    return fault.end - fault.start


def _while(fault: FaultEvent, request: Request) -> bool:
    return _overlap(fault, request.sent, request.intended + request.latency_ms / 1000)


def _overlap(fault: FaultEvent, start: float, end: float) -> bool:
    return start < fault.end + fault.healing_s and end > fault.start - fault.rising_s
