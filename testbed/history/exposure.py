"""The requests that a fault touched, and the source that shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from testbed.history.events import Arrival, Attempt, FaultEvent, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index, Joined, remembered
from testbed.history.indirect import Indirect, indirect, overlap, under_way
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities


class _Hop(Protocol):
    @property
    def caller(self) -> str: ...
    @property
    def callee(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def duration_ms(self) -> float: ...


@remembered
def touched(index: Index, fault: FaultEvent) -> frozenset[str]:
    """Return the ids of the requests that a fault touched; "" is one of them if a touched request has no id.

    - A request fault: the requests of arrivals that carry the id of the fault.
    - A fault of a mesh proxy: the requests at a replica that uses this proxy, because a dead proxy records nothing.
    - A fault of a tcp edge: the requests at a replica with a connection on this edge.
    - Any other fault: the requests with an attempt (or an arrival, if attempts are not recorded) on one of its links
      during its window, or while it was injected or healed.
    - A fault that met none of these, but had an effect on a path without request ids: the requests that were under way
      and could reach it (see `testbed.history.indirect`).
    """
    found, by_time = _directly(index, fault), touched_indirectly(index, fault)
    return found | by_time.requests if by_time else found


@remembered
def touched_indirectly(index: Index, fault: FaultEvent) -> Indirect | None:
    """Return the requests that are taken as touched by time and effect; None where request ids show what it touched."""
    if not index.request_ids.isdisjoint(_directly(index, fault)):
        return None
    return indirect(index, fault, tuple(_hops_met(index, fault)))


@remembered
def _directly(index: Index, fault: FaultEvent) -> frozenset[str]:
    return frozenset(_touches(index, fault))


def touch_source(index: Index, fault: FaultEvent) -> str:
    """Return the source that shows what this fault touched."""
    from_inlet = fault.plane == "inlet" or fault.behind or "attempts" not in index.sources
    return "arrivals" if from_inlet or _has_only_arrivals(index, fault) else "attempts"


@remembered
def fault_windows(index: Index) -> Sequence[Sequence[FaultEvent]]:
    """Return the windows of each part of a fault, grouped by links (a rolling fault has one group for each replica).

    The last of several parts is left out if healing cut it to less than half of the first.
    """
    parts: dict[tuple[str, tuple[str, ...]], list[FaultEvent]] = defaultdict(list)
    ends: dict[str, list[FaultEvent]] = {}  # the first and the last window of each fault
    for window in index.faults:
        parts[window.id, window.links].append(window)
        ends[window.id] = [*ends.get(window.id, [])[:1], window]
    cut = [[last] for first, last in (e for e in ends.values() if len(e) == 2) if _lasted(last) < _lasted(first) / 2]
    return [part for part in parts.values() if part not in cut]


def _touches(index: Index, fault: FaultEvent) -> Iterable[str]:
    if fault.behind:
        return _behind(index, fault)
    links = frozenset(fault.links)
    if fault.edges and all(map(index.facts.is_tcp, fault.edges)):
        return _near_connections(index, fault, links)
    ids = {hop.request for hop in _hops_met(index, fault)}
    if fault.plane == "inlet":
        return ids
    return ids | {request.id for request in _of_the_load(index, links) if under_way(fault, request)}


def _has_only_arrivals(index: Index, fault: FaultEvent) -> bool:
    """Whether no caller of the fault's edges records attempts: custom services without a mesh. The inlet alone does."""
    edges = [edge for edge in fault.edges if not of_the_load(edge) and not index.facts.is_tcp(edge)]
    own = all(edge.partition(" -> ")[0] in index.facts.own and not index.attempts.on(edge) for edge in edges)
    return bool(edges) and own and index.run is not None and not capabilities(index.run.mesh).is_proxy


def _hops_met(index: Index, fault: FaultEvent) -> Iterator[Attempt | Arrival]:
    """Yield the attempts, connections or arrivals that a fault met on its own links, with and without an id."""
    links = frozenset(fault.links)
    if fault.plane == "inlet":
        marked = (arrival for arrival in index.arrivals.all if fault.id in arrival.fault.split(","))
        yield from (arrival for arrival in marked if f"{arrival.caller}--{arrival.callee}" in links)
        return
    tcp = bool(fault.edges) and all(map(index.facts.is_tcp, fault.edges))
    seen: Joined[Attempt] | Joined[Arrival]
    seen = index.attempts if tcp or touch_source(index, fault) == "attempts" else index.arrivals
    hops = (hop for edge in fault.edges or index.edges for hop in seen.on(edge))
    yield from (hop for hop in hops if _met(fault, links, hop))


def _near_connections(index: Index, fault: FaultEvent, links: frozenset[str]) -> Iterable[str]:
    """Return the requests at a replica with a faulted connection; the requests that used it are unknown."""
    met = {hop.caller for edge in fault.edges for hop in index.attempts.on(edge) if _met(fault, links, hop)}
    there = {hop.request for hop in index.arrivals.all if hop.callee in met and _under_way(fault, hop)}
    return there | {r.id for r in index.requests if r.replica in met and under_way(fault, r)}


def _behind(index: Index, fault: FaultEvent) -> Iterable[str]:
    """Return the requests at a replica behind the faulted proxy while the fault was in force."""
    hops: list[Arrival | Attempt] = [*index.arrivals.all, *index.attempts.all]
    there = {hop.request for hop in hops if hop.callee in fault.behind and _under_way(fault, hop)}
    return there | {r.id for r in index.requests if r.replica in fault.behind and under_way(fault, r)}


def _of_the_load(index: Index, links: frozenset[str]) -> Iterable[Request]:
    """Return the requests that the load itself sent over one of these links."""
    doors = {link.partition("--")[2] for link in links if link.partition("--")[0] == CLIENT}
    return (request for request in index.requests if request.replica in doors) if doors else ()


def met(fault: FaultEvent, hop: _Hop) -> bool:
    """Whether an attempt or arrival was on one of a fault's links while the fault was in force."""
    return _met(fault, frozenset(fault.links), hop)


def _met(fault: FaultEvent, links: frozenset[str], hop: _Hop) -> bool:
    """Whether an attempt or arrival was on one of the fault's links while the fault was in force."""
    return _under_way(fault, hop) and f"{hop.caller}--{hop.callee}" in links


def _under_way(fault: FaultEvent, hop: _Hop) -> bool:
    return overlap(fault, hop.start, hop.start + hop.duration_ms / 1000)


def _lasted(fault: FaultEvent) -> float:
    return fault.end - fault.start
