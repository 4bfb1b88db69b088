"""The requests that a fault could reach only by a path that the record does not show: judged by time and effect.

A service that hands on no context, a call of an app's own, and a connection past the mesh have no request id. A fault
there is shown by its effect, and the requests that were under way meanwhile are taken as touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from testbed.history.events import Arrival, Attempt, FaultEvent, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index, remembered
from testbed.spec.edges import CLIENT

FEW = 3  # failed requests that are needed to show an effect
MORE = 2.0  # times as large as before the fault: the share of failed requests that shows an effect
Hop = Attempt | Arrival


@dataclass(frozen=True)
class Indirect:
    """The requests that were under way while a fault acted on a path without request ids, and what shows the effect."""

    requests: frozenset[str]
    shown_by: str

    def sentence(self, fault: FaultEvent) -> str:
        """Return why these requests are taken as touched."""
        return (
            f"{fault.id} {fault.text} acted on an indirect path: {self.shown_by}. No request id shows which requests "
            f"it met, so the {len(self.requests)} that were under way and could reach it are taken as touched"
        )


def indirect(index: Index, fault: FaultEvent, met: Sequence[Hop]) -> Indirect | None:
    """Return the requests that a fault could reach by a path without ids; None if it has a scope, or shows no effect.

    `met` are the attempts, connections or arrivals that the fault met on its own links.
    """
    if fault.users is not None or fault.cohort is not None or not fault.injected or not fault.links:
        return None
    meanwhile = [request for request in index.requests if under_way(fault, request)]
    shown = next(_effects(index, fault, met, meanwhile), "")
    reached = [request for request in meanwhile if _reaches(index, fault, request)] or meanwhile
    return Indirect(frozenset(request.id for request in reached), shown) if shown and reached else None


def under_way(fault: FaultEvent, request: Request) -> bool:
    """Whether a request was under way while a fault was in force, injected or healed."""
    return overlap(fault, request.sent, request.intended + request.latency_ms / 1000)


def overlap(fault: FaultEvent, start: float, end: float) -> bool:
    """Whether a period overlaps with the window of a fault, its injection and its healing."""
    return start < fault.end + fault.healing_s and end > fault.start - fault.rising_s


def _effects(index: Index, fault: FaultEvent, met: Sequence[Hop], meanwhile: Sequence[Request]) -> Iterator[str]:
    """Yield what shows that a fault acted: on its own edges, at its process, at the users."""
    blind = [hop for hop in met if not hop.request or _failed(hop)]
    if blind:
        tcp = all(index.facts.is_tcp(hop.edge) for hop in blind)
        what = "connections" if tcp else "attempts" if isinstance(blind[0], Attempt) else "arrivals"
        failed = sum(map(_failed, blind))
        failures = f" ({failed} of them failed)" if failed and not tcp else ""
        yield f"{len(blind)} {what} without a request id on {_edges(blind)} met it{failures}"
    if fault.plane != "process":
        return
    targets = _targets(index, fault)
    own = [hop for hop in index.attempts.all if hop.caller in targets and not hop.request]
    if own:
        yield f"{', '.join(sorted({hop.caller for hop in own}))} had {len(own)} calls of its own on {_edges(own)}"
    bad, earlier = sum(1 for request in meanwhile if not request.ok), _before(index)
    usual = sum(1 for request in earlier if not request.ok) / max(1, len(earlier))
    if bad >= FEW and earlier and bad / len(meanwhile) > MORE * usual:
        yield f"{bad} of {len(meanwhile)} requests failed meanwhile, {usual:.0%} before"


def _targets(index: Index, fault: FaultEvent) -> set[str]:
    """Return the replicas on whose processes a fault acted."""
    acted = {e.process.partition("/")[0] for e in index.processes if overlap(fault, e.at, e.at)}
    return acted & {end for link in fault.links for end in link.split("--")}


def _before(index: Index) -> Sequence[Request]:
    start = min(one.start - one.rising_s for one in index.faults if one.injected)
    return [r for r in index.requests if r.intended + r.latency_ms / 1000 <= start and r.phase != "warm-up"]


def _failed(hop: Hop) -> bool:
    return bool(hop.flags or hop.outcome) or not (hop.status == 0 or 200 <= hop.as_http < 400)


def _edges(hops: Iterable[Hop]) -> str:
    return ", ".join(sorted({hop.edge for hop in hops}))


def _reaches(index: Index, fault: FaultEvent, request: Request) -> bool:
    """Whether a path leads from a service where the request was on record to an end of the fault's edges.

    The path has only edges whose hops have no ids: on any other edge the record shows whether the request took it.
    """
    hops: list[Hop] = [*index.arrivals.by_request.get(request.id, ()), *index.attempts.by_request.get(request.id, ())]
    there = {index.facts.entry, *(hop.edge.partition(" -> ")[2] for hop in hops)}
    ends = {end for edge in fault.edges for end in edge.split(" -> ")} - {CLIENT}
    return any(ends & _beyond(index, service) for service in there)


@remembered
def _beyond(index: Index, service: str) -> frozenset[str]:
    """Return a service, and the services to which edges without ids lead from there."""
    found = {service}
    while more := {callee for caller, callee in _blind(index) if caller in found} - found:
        found |= more
    return frozenset(found)


@remembered
def _blind(index: Index) -> Sequence[tuple[str, str]]:
    """Return the edges on which hops have no ids of the load, as caller and callee."""
    edges = [edge for edge in index.edges if not of_the_load(edge)]
    hops: dict[str, list[Hop]] = {edge: [*index.attempts.on(edge), *index.arrivals.on(edge)] for edge in edges}
    blind = [edge for edge in edges if not hops[edge] or any(not hop.request for hop in hops[edge])]
    return [(caller, callee) for edge in blind for caller, _, callee in [edge.partition(" -> ")]]
