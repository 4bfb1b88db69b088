"""What a run shows about the services: which do not propagate the context, and which do not use their links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.history.detours import detours
from testbed.history.endings import endings
from testbed.history.events import FaultEvent
from testbed.history.exposure import touched, touched_indirectly
from testbed.history.index import Index, remembered
from testbed.history.instrumentation import instructions
from testbed.history.mixed_up import MixedUp, mixed_up
from testbed.history.outcomes import REJECTED
from testbed.history.own_calls import own_calls
from testbed.history.planes import plane_notes
from testbed.history.requests_at import arrivals_at, first_fault, inner_edges, sent_on
from testbed.history.unused_links import RejectedCalls, UnusedLink, rejected_calls, unused_links

FEW = 3  # calls without a context that are needed to accuse a service
SOME = 0.1  # of the calls of a service: what it must lose if it hands on the others


@dataclass(frozen=True)
class ContextLoss:
    """A service that receives request ids, and does not send them on an edge, or not in all calls."""

    service: str
    edge: str
    sent: int  # calls on the edge that requests caused
    had: int  # arrivals with an id
    kept: int = 0  # calls with an id
    command: tuple[str, ...] = ()
    headers: tuple[str, ...] = ("baggage",)
    other: str = ""  # a header that it hands on, with the id of a request

    def __str__(self) -> str:
        """Return it as a sentence."""
        names = " or ".join(self.headers)
        if self.kept:
            return (
                f"{self.service} does not always propagate {names}: it hands it on in {self.kept} of {self.sent} calls "
                f"on {self.edge}"
            )
        return (
            f"{self.service} does not propagate {names}: 0 of {self.sent} calls on {self.edge} "
            f"carry a request id, although {self.had} requests to {self.service} do"
        )

    @property
    def remedy(self) -> str:
        """What still works, and how to fix it."""
        whole = "faults on whole edges still work: leave out .for_users and .for_cohort, or use a link fault"
        if self.other:
            line = f"contextHeaders: [{self.other}]"
            return f"{whole}. {self.service} hands on {self.other}: add it to the topology ({line})"
        other = "if it propagates another header, name it in the topology (contextHeaders: [x-shop-context])"
        return f"{whole}; {other}. To fix {self.service}: {instructions(self.command)}"


@remembered
def context_losses(index: Index) -> Sequence[ContextLoss]:
    """Return the services that lost the context before the first fault."""
    return tuple(_context_losses(index))


def _context_losses(index: Index) -> Iterator[ContextLoss]:
    until = first_fault(index)
    for edge in inner_edges(index):
        if index.facts.is_tcp(edge):
            continue
        caller = edge.partition(" -> ")[0]
        source = "attempts" if index.attempts.on(edge) else "arrivals"
        own = own_calls(index, source, edge)
        sent = [
            call for call in sent_on(index, edge) if call.start < until and call.outcome != REJECTED and call not in own
        ]
        had = sum(1 for one in arrivals_at(index, caller) if one.request and one.start < until)
        kept = sum(1 for call in sent if call.request)
        if had >= FEW and len(sent) - kept >= max(FEW, SOME * len(sent)):
            known = index.facts.own.get(caller, ())
            yield ContextLoss(caller, edge, len(sent), had, kept, known, index.facts.context, _handed_on(index, edge))


def _handed_on(index: Index, edge: str) -> str:
    """Return the header in which most calls on an edge without a context carry the id of a request, "" if none does."""
    pairs = (text.partition(": ") for call in index.calls.on(edge) for text in call.handed_on)
    ((name, number),) = Counter(name for name, _, id in pairs if id in index.request_ids).most_common(1) or [("", 0)]
    return name if number >= FEW else ""


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


def notes(index: Index, *, unused: bool = True) -> list[str]:
    """Return warnings about the services, for every reader of the verdicts; those about unused links can be left out.

    A reader of several runs knows better which links are never used.
    """
    found: list[UnusedLink | ContextLoss | RejectedCalls | MixedUp]
    found = [*(unused_links(index) if unused else ()), *rejected_calls(index), *context_losses(index), *mixed_up(index)]
    indirectly = [(fault, touched_indirectly(index, fault)) for fault in index.faults]
    return [
        *(f"{one}. {one.remedy}" for one in found),
        *plane_notes(index),
        *dict.fromkeys(one.sentence(fault) for fault, one in indirectly if one),
        *endings(index),
        *(f"{one}. {one.remedy}" for one in detours(index).values()),
    ]


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
