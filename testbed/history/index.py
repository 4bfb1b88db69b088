"""A fast index of a history: events by kind, phase, edge and request."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, TypeVarTuple, cast

from testbed.history.events import (
    AnswerBody,
    Arrival,
    Attempt,
    Call,
    DetourEvent,
    Event,
    Evidence,
    FaultEvent,
    Phase,
    PolicyEvent,
    ProbeEvent,
    ProbeReading,
    ProcessEvent,
    Request,
    RunInfo,
    Sample,
    ScheduleAdherence,
    SpanEvent,
)
from testbed.history.facts import TopologyFacts, facts_of
from testbed.spec.edges import CLIENT

if TYPE_CHECKING:
    from testbed.spec.topology import Topology


class _OfRequest(Protocol):
    @property
    def edge(self) -> str: ...
    @property
    def request(self) -> str: ...


J = TypeVar("J", bound=_OfRequest)
E = TypeVar("E")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


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
        """The events that each request caused ("" holds events without a request id)."""
        groups: dict[str, list[J]] = defaultdict(list)
        for event in self.all:
            groups[event.request].append(event)
        return dict(groups)

    def on(self, edge: str) -> Sequence[J]:
        """Return the events on one edge."""
        return self.by_edge.get(edge, ())


def _by_request(spans: Iterable[SpanEvent]) -> Mapping[str, Sequence[SpanEvent]]:
    groups: dict[str, list[SpanEvent]] = defaultdict(list)
    for span in spans:
        groups[span.request].append(span)
    return dict(groups)


class Index:
    """All events of a run, with fast look-up."""

    def __init__(self, events: Iterable[Event]) -> None:
        kinds: dict[type, list[Event]] = defaultdict(list)
        self._events = list(events)
        for event in self._events:
            kinds[type(event)].append(event)

        def of(kind: type[E]) -> list[E]:
            return cast("list[E]", kinds[kind])

        self.run = next(iter(of(RunInfo)), None)
        self.phases, self.requests, self.faults = of(Phase), of(Request), of(FaultEvent)
        self.paces, self.evidence, self.processes = of(ScheduleAdherence), of(Evidence), of(ProcessEvent)
        self.samples, self.swaps, self.detours = of(Sample), of(PolicyEvent), of(DetourEvent)
        self.bodies: Mapping[str, AnswerBody] = {body.digest: body for body in of(AnswerBody)}
        self.probes, self.readings = {probe.name: probe for probe in of(ProbeEvent)}, of(ProbeReading)
        self.spans: Mapping[str, Sequence[SpanEvent]] = _by_request(of(SpanEvent))
        self.attempts: Joined[Attempt] = Joined(of(Attempt))
        self.calls: Joined[Call] = Joined(of(Call))
        self.arrivals: Joined[Arrival] = Joined(of(Arrival))
        self.answers: dict[tuple[object, ...], object] = {}  # of `remembered` functions

    def changed(self, change: Callable[[Event], Event | None]) -> Index:
        """Return the index of the same run with each event as changed; None leaves it out."""
        return Index(new for event in self._events if (new := change(event)) is not None)

    @cached_property
    def facts(self) -> TopologyFacts:
        """The facts of the recorded topology."""
        return facts_of(self.run.topology if self.run else {})

    @cached_property
    def topology(self) -> Topology:
        """The recorded topology as a model. Raises `TopologyError` if this version cannot read it."""
        from testbed.spec.load import recorded_topology

        return recorded_topology(self.run.topology if self.run else {})

    def topologies(self, start: float, end: float) -> Sequence[Mapping[str, object]]:
        """Return the topology in force in a period: one, or several if policies were changed."""
        changes: list[tuple[float, Mapping[str, object]]]
        changes = [(-math.inf, self.run.topology if self.run else {}), *((s.at, s.topology) for s in self.swaps)]
        ends = [*(at for at, _ in changes[1:]), math.inf]
        return [one for (at, one), over in zip(changes, ends, strict=True) if at < end and over > start]

    @cached_property
    def sources(self) -> frozenset[str]:
        """The sources of the run; without a RunInfo, the sources with events."""
        if self.run:
            return frozenset(self.run.sources)
        shown = {"requests": self.requests, "attempts": self.attempts.all}
        shown |= {"calls": self.calls.all, "arrivals": self.arrivals.all}
        return frozenset(name for name, events in shown.items() if events)

    @cached_property
    def edges(self) -> tuple[str, ...]:
        """Every edge of the topology, and every edge in the events."""
        seen = [edge for joined in (self.attempts, self.calls, self.arrivals) for edge in joined.by_edge]
        return tuple(dict.fromkeys([*self.facts.edges, *seen, *(e for f in self.faults for e in f.edges)]))

    def is_used(self, edge: str) -> bool:
        """Whether the record has traffic on an edge."""
        if edge == f"{CLIENT} -> {self.facts.entry}":
            return bool(self.requests)
        return bool(self.attempts.on(edge) or self.calls.on(edge) or self.arrivals.on(edge))

    @cached_property
    def by_phase(self) -> Mapping[str, Sequence[Request]]:
        """The requests that were due in each phase, in the order of the phases."""
        groups: dict[str, list[Request]] = {phase.name: [] for phase in self.phases}
        for request in self.requests:
            groups.setdefault(request.phase, []).append(request)
        return groups

    @cached_property
    def request_ids(self) -> frozenset[str]:
        """The ids of the load's requests."""
        return frozenset(request.id for request in self.requests)


def remembered(function: Callable[[Index, *Ts], T]) -> Callable[[Index, *Ts], T]:
    """Cache the results of a function of an index, in the index."""

    @wraps(function)
    def ask(index: Index, *arguments: *Ts) -> T:
        key = (function, *arguments)
        if key not in index.answers:
            index.answers[key] = function(index, *arguments)
        return cast(T, index.answers[key])

    return ask
