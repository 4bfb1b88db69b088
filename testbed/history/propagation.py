"""What a run shows about the services: which do not propagate the context, and which do not use their links."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.history.events import Arrival, Attempt, FaultEvent
from testbed.history.exposure import touched, touched_indirectly
from testbed.history.facts import of_the_load
from testbed.history.index import Index, remembered
from testbed.history.instrumentation import instructions
from testbed.history.planes import plane_notes, rejected
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

FEW = 3  # calls without a context that are needed to accuse a service
ENOUGH = 20  # requests that are needed to call a link unused


@dataclass(frozen=True)
class ContextLoss:
    """A service that receives request ids and sends none on an edge."""

    service: str
    edge: str
    sent: int  # calls on the edge, none of which carried an id
    had: int  # arrivals with an id
    command: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("baggage",)

    def __str__(self) -> str:
        """Return it as a sentence."""
        return (
            f"{self.service} does not propagate {' or '.join(self.headers)}: 0 of {self.sent} calls on {self.edge} "
            f"carry a request id, although {self.had} requests to {self.service} do"
        )

    @property
    def remedy(self) -> str:
        """What still works, and how to fix it."""
        whole = "faults on whole edges still work: leave out .for_users and .for_cohort, or use a link fault"
        other = "if it propagates another header, name it in the topology (contextHeaders: [x-shop-context])"
        return f"{whole}; {other}. To fix {self.service}: {instructions(self.command)}"


@dataclass(frozen=True)
class UnusedLink:
    """A link that its caller did not use in any of these requests."""

    edge: str
    requests: int

    def __str__(self) -> str:
        """Return it as a sentence."""
        caller, _, callee = self.edge.partition(" -> ")
        return (
            f"{caller} never used its link to {callee} in {self.requests} requests: it bypasses the mesh, "
            f"or it does not call {callee}"
        )

    @property
    def remedy(self) -> str:
        """What to check."""
        caller, _, callee = self.edge.partition(" -> ")
        name = callee.upper().replace("-", "_")
        return (
            f"does {caller} take {name}_URL or {name}_ADDR from its environment, or a variable of its own with "
            f"{{{{upstream.{callee}.address}}}}? If these requests do not need {callee}, send some that do"
        )


@remembered
def context_losses(index: Index) -> Sequence[ContextLoss]:
    """Return the services that lost the context before the first fault."""
    return tuple(_context_losses(index))


def _context_losses(index: Index) -> Iterator[ContextLoss]:
    until = first_fault(index)
    for edge in inner_edges(index):
        caller = edge.partition(" -> ")[0]
        sent = [call for call in _sent(index, edge) if call.start < until and not index.facts.is_tcp(edge)]
        had = sum(1 for one in arrivals_at(index, caller) if one.request and one.start < until)
        if len(sent) >= FEW and had >= FEW and not any(call.request for call in sent):
            yield ContextLoss(caller, edge, len(sent), had, index.facts.own.get(caller, ()), index.facts.context)


def blocking_loss(index: Index, fault: FaultEvent) -> ContextLoss | None:
    """Return the context loss that hides the requests of a fault for some users or a cohort; None if there is none."""
    return None if whole(fault) else _loss_before(index, fault)


def hit_requests_without_id(index: Index, fault: FaultEvent) -> bool:
    """Whether a fault on whole edges hit requests without an id, because a service on the way lost it."""
    return whole(fault) and "" in touched(index, fault) and _loss_before(index, fault) is not None


def whole(fault: FaultEvent) -> bool:
    """Whether a fault has no scope of users or cohort."""
    return fault.users is None and fault.cohort is None


def _loss_before(index: Index, fault: FaultEvent) -> ContextLoss | None:
    return next((one for one in context_losses(index) for edge in fault.edges if _has_no_ids(index, one, edge)), None)


@remembered
def unused_links(index: Index) -> Sequence[UnusedLink]:
    """Return the links of custom services without a call, although their callers had requests.

    Links of stubs are left out: a stub always calls through its links, so an unused one is intended.
    """
    return tuple(_unused_links(index))


def _unused_links(index: Index) -> Iterator[UnusedLink]:
    for edge in inner_edges(index):
        caller = edge.partition(" -> ")[0]
        seen = not index.facts.is_tcp(edge) or (index.run is not None and capabilities(index.run.mesh).is_proxy)
        if caller in index.facts.own and seen and not _sent(index, edge) and edge not in rejected(index):
            requests = len(arrivals_at(index, caller)) or _entered(index, caller)
            if requests >= ENOUGH:
                yield UnusedLink(edge, requests)


def notes(index: Index) -> list[str]:
    """Return warnings about the services, for every reader of the verdicts."""
    found: list[UnusedLink | ContextLoss] = [*unused_links(index), *context_losses(index)]
    indirectly = [(fault, touched_indirectly(index, fault)) for fault in index.faults]
    return [
        *(f"{one}. {one.remedy}" for one in found),
        *plane_notes(index),
        *dict.fromkeys(one.sentence(fault) for fault, one in indirectly if one),
    ]


def first_fault(index: Index) -> float:
    """The time at which the first fault began to come into force."""
    return min((fault.start - fault.rising_s for fault in index.faults if fault.injected), default=math.inf)


def inner_edges(index: Index) -> list[str]:
    """Return the edges between services."""
    return [edge for edge in index.facts.edges if not of_the_load(edge)]


def arrivals_at(index: Index, service: str) -> list[Arrival]:
    """Return the arrivals at a service, from every caller."""
    edges = [edge for edge in index.arrivals.by_edge if edge.partition(" -> ")[2] == service]
    return [arrival for edge in edges for arrival in index.arrivals.on(edge)]


def _sent(index: Index, edge: str) -> Sequence[Attempt | Arrival]:
    """The attempts on an edge, or the arrivals if no attempts are recorded."""
    return index.attempts.on(edge) or index.arrivals.on(edge)


def _has_no_ids(index: Index, loss: ContextLoss, edge: str) -> bool:
    """Whether no arrival on an edge carries an id, and this service may be the cause."""
    there = index.arrivals.on(edge)
    known = len(there) >= FEW and not any(arrival.request for arrival in there)
    return known and (edge == loss.edge or edge.partition(" -> ")[0] in _below(index, loss.edge))


def _below(index: Index, edge: str) -> set[str]:
    """Return the services that requests on an edge can reach."""
    found = {edge.partition(" -> ")[2]}
    while more := {e.partition(" -> ")[2] for e in inner_edges(index) if e.partition(" -> ")[0] in found} - found:
        found |= more
    return found


def _entered(index: Index, service: str) -> int:
    return len(index.requests) if f"{CLIENT} -> {service}" in index.facts.edges else 0
