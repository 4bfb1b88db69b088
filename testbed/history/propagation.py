"""What a run says of the services themselves: who does not hand on the context, and who does not use its links."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.history.events import Arrival, Attempt, FaultEvent
from testbed.history.exposure import touched
from testbed.history.facts import of_the_load
from testbed.history.index import Index, remembered
from testbed.history.instrumentation import recipe
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

FEW = 3  # calls of which none carried the context: fewer may be anybody's
ENOUGH = 20  # requests in which a link that is in use would have been used


@dataclass(frozen=True)
class Dropper:
    """A service that got requests with an id, and sent none on an edge."""

    service: str
    edge: str
    sent: int  # calls on the edge, none of which carried an id
    had: int  # arrivals that did
    command: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("baggage",)

    def __str__(self) -> str:
        """Say it in a sentence."""
        headers = f"the header {self.headers[0]}" if len(self.headers) == 1 else f"any of {', '.join(self.headers)}"
        return (
            f"{self.service} does not forward {headers}: none of {self.sent} calls on {self.edge} carried "
            f"the request id that {self.had} of its own requests had"
        )

    @property
    def remedy(self) -> str:
        """What works nevertheless, and how to mend it."""
        whole = "whole edges can still be broken: leave out .for_users, .for_cohort, or take a link fault"
        other = "if it hands on another header, name that in the topology (contextHeaders: [x-shop-context])"
        return f"{whole}; {other}. To mend it in {self.service}, {recipe(self.command)}"


@dataclass(frozen=True)
class Unused:
    """A link that its caller did not use, in so many requests."""

    edge: str
    requests: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        caller, _, callee = self.edge.partition(" -> ")
        return (
            f"{caller} never used its link to {callee} in {self.requests} requests: it calls {callee} past the mesh, "
            "or not at all"
        )

    @property
    def remedy(self) -> str:
        """What to look at."""
        caller, _, callee = self.edge.partition(" -> ")
        name = callee.upper().replace("-", "_")
        return (
            f"does {caller} take {name}_URL or {name}_ADDR from its environment, or a variable of its own with "
            f"{{{{upstream.{callee}.address}}}}? If these requests do not need {callee}, send some that do"
        )


@remembered
def droppers(index: Index) -> Sequence[Dropper]:
    """Return the services that dropped the context while nothing was broken."""
    return tuple(_droppers(index))


def _droppers(index: Index) -> Iterator[Dropper]:
    until = first_fault(index)
    for edge in inner_edges(index):
        caller = edge.partition(" -> ")[0]
        sent = [call for call in _sent(index, edge) if call.start < until and not index.wiring.is_tcp(edge)]
        had = sum(1 for one in came_to(index, caller) if one.request and one.start < until)
        if len(sent) >= FEW and had >= FEW and not any(call.request for call in sent):
            yield Dropper(caller, edge, len(sent), had, index.wiring.own.get(caller, ()), index.wiring.context)


def beyond(index: Index, fault: FaultEvent) -> Dropper | None:
    """Return who keeps a fault of some users or a cohort from finding its requests; None if it can find them."""
    return None if whole(fault) else _in_the_way(index, fault)


def met_strangers(index: Index, fault: FaultEvent) -> bool:
    """Whether a fault of whole edges met requests that would have an id, had a service on the way handed it on."""
    return whole(fault) and "" in touched(index, fault) and _in_the_way(index, fault) is not None


def whole(fault: FaultEvent) -> bool:
    """Whether a fault is meant for everybody on its edges."""
    return fault.users is None and fault.cohort is None


def _in_the_way(index: Index, fault: FaultEvent) -> Dropper | None:
    return next((one for one in droppers(index) for edge in fault.edges if _blind(index, one, edge)), None)


@remembered
def unused(index: Index) -> Sequence[Unused]:
    """Return the links of the user's own services that saw no call at all, though their callers had requests.

    What a stub calls is known to the testbed, and stubs keep to their wiring: an edge of theirs is unused for a reason.
    """
    return tuple(_unused(index))


def _unused(index: Index) -> Iterator[Unused]:
    for edge in inner_edges(index):
        caller = edge.partition(" -> ")[0]
        seen = not index.wiring.is_tcp(edge) or (index.run is not None and capabilities(index.run.mesh).is_proxy)
        if caller in index.wiring.own and seen and not _sent(index, edge):
            requests = len(came_to(index, caller)) or _entered(index, caller)
            if requests >= ENOUGH:
                yield Unused(edge, requests)


def notes(index: Index) -> list[str]:
    """Return what everybody should know who reads the verdicts of this run."""
    found: list[Unused | Dropper] = [*unused(index), *droppers(index)]
    return [f"{one}. {one.remedy}" for one in found]


def first_fault(index: Index) -> float:
    """The moment at which something began to be broken."""
    return min((fault.start - fault.rising_s for fault in index.faults if fault.injected), default=math.inf)


def inner_edges(index: Index) -> list[str]:
    """Return the edges between services."""
    return [edge for edge in index.wiring.edges if not of_the_load(edge)]


def came_to(index: Index, service: str) -> list[Arrival]:
    """Return what arrived at a service, from wherever."""
    edges = [edge for edge in index.arrivals.by_edge if edge.partition(" -> ")[2] == service]
    return [arrival for edge in edges for arrival in index.arrivals.on(edge)]


def _sent(index: Index, edge: str) -> Sequence[Attempt | Arrival]:
    """What was sent on an edge: by the caller's own record, or by what arrived where there is none."""
    return index.attempts.on(edge) or index.arrivals.on(edge)


def _blind(index: Index, dropper: Dropper, edge: str) -> bool:
    """Whether nothing that arrives on an edge carries an id, and this service may be why."""
    there = index.arrivals.on(edge)
    known = len(there) >= FEW and not any(arrival.request for arrival in there)
    return known and (edge == dropper.edge or edge.partition(" -> ")[0] in _below(index, dropper.edge))


def _below(index: Index, edge: str) -> set[str]:
    """Return the services that requests on an edge can get to."""
    found = {edge.partition(" -> ")[2]}
    while more := {e.partition(" -> ")[2] for e in inner_edges(index) if e.partition(" -> ")[0] in found} - found:
        found |= more
    return found


def _entered(index: Index, service: str) -> int:
    return len(index.requests) if f"{CLIENT} -> {service}" in index.wiring.edges else 0
