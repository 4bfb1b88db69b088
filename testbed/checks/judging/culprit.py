"""Where requests failed: the deepest edge whose failure reached the user."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.checks.judging.stores import stalled_store
from testbed.checks.judging.uncalled import no_longer_called
from testbed.history.detours import detours
from testbed.history.events import Arrival, Attempt, Call, FaultEvent, Request
from testbed.history.index import Index, remembered
from testbed.history.outcomes import CLIENT_GONE, TIMEOUT
from testbed.spec.edges import CLIENT, Edge

Hop = Attempt | Arrival | Call
PROMPT_S = 0.1  # a service cancels its other calls this soon after one of them has failed


def place_of(index: Index, request: Request) -> str:
    """Return the edge on which a request failed or spent most of its time; else the edge into the entry.

    Below the deepest failed call, a tcp edge is named if its connections show that the service waited there, an edge
    under a fault if its other calls kept the service busy, and one that the service calls no more since a fault.
    """
    calls = _calls(index, request)
    found = next(iter(causes(index, request, calls)), None)
    if found is None and request.ok:
        spent = [call for call in calls if call.duration_ms > request.latency_ms / 2]
        found = next(iter(_deepest(spent)), None)
    found = _waiting_below(found, calls) if found else None
    edge = found.edge if found else f"{CLIENT} -> {index.facts.entry or request.replica}"
    edge = (not request.ok and _past_the_mesh(index, Edge.parse(edge).callee)) or edge
    service = Edge.parse(edge).callee
    busy = kept_busy(index, request, service)
    below = busy[0].edge if busy else no_longer_called(index, request, service)
    return stalled_store(index, request, edge) or below or edge


def _past_the_mesh(index: Index, caller: str) -> str:
    """Return the edge under a fault on which a service made connections past the mesh; "" if there is none."""
    under = (edge for fault in index.faults if fault.injected for edge in fault.edges)
    return next((edge for edge in under if edge in detours(index) and Edge.parse(edge).caller == caller), "")


def _calls(index: Index, request: Request) -> Sequence[Hop]:
    """Return the calls of a request, and its arrivals on edges where no call is recorded."""
    calls = index.calls.by_request.get(request.id, ())
    known = {call.edge for call in calls}
    return [*calls, *(one for one in index.arrivals.by_request.get(request.id, ()) if one.edge not in known)]


def _waiting_below(found: Hop, hops: Sequence[Hop]) -> Hop:
    """Return the hop for which a call waited until its time was over; the call itself if there is none.

    Such a hop may end well, long after its caller has given up.
    """
    while found.outcome in (TIMEOUT, CLIENT_GONE) or found.ok:
        callee = Edge.parse(found.edge).callee
        below = [hop for hop in hops if Edge.parse(hop.edge).caller == callee and _end(hop) >= _end(found) - PROMPT_S]
        long = [hop for hop in below if hop.start < _end(found) and hop.duration_ms > found.duration_ms / 2]
        if not long:
            break
        found = max(long, key=lambda hop: hop.duration_ms)
    return found


def kept_busy(index: Index, request: Request, service: str) -> Sequence[Attempt]:
    """Return the attempts of other requests, on an edge under a fault, that kept a service busy; the longest first.

    The request reached a replica, and no call of it is on record there, or only good ones in a small part of the time;
    meanwhile two or more calls of that replica were under way on the faulted edge: its queue or pool was full of them.
    """
    own = index.attempts.by_request.get(request.id, ())
    calls = [hop for hop in own if Edge.parse(hop.edge).caller == service]
    if calls and not _only_waited(calls, _time_at(index, request, service)):
        return ()
    there = {hop.callee for hop in own if Edge.parse(hop.edge).callee == service}
    there |= {request.replica} if service == index.facts.entry else set()
    start, end = request.sent, request.intended + request.latency_ms / 1000
    for tried in _faulted_below(index, service):
        found = [hop for hop in tried if hop.caller in there and hop.start < end and _end(hop) > start]
        if len({hop.request for hop in found}) > 1:
            return sorted(found, key=lambda hop: -hop.duration_ms)
    return ()


def _time_at(index: Index, request: Request, service: str) -> float:
    """Return how long a request was at a service, in ms."""
    there = index.arrivals.by_request.get(request.id, ())
    return max((one.duration_ms for one in there if Edge.parse(one.edge).callee == service), default=0.0)


def _only_waited(calls: Sequence[Attempt], there_ms: float) -> bool:
    """Whether all calls of a request at a service ended well, in less than half of the time that it was there."""
    spent = sum(hop.duration_ms for hop in calls)
    return all(hop.ok for hop in calls) and there_ms > 2 * spent and there_ms - spent > PROMPT_S * 1000


@remembered
def _faulted_below(index: Index, service: str) -> Sequence[Sequence[Attempt]]:
    """Return the attempts under a fault on each edge of a service, those of requests."""
    edges = [edge for edge in index.edges if Edge.parse(edge).caller == service]
    met = ([hop for hop in index.attempts.on(edge) if hop.request and under_fault(index, hop)] for edge in edges)
    return [hops for hops in met if hops]


def is_bad(hop: Hop) -> bool:
    """Whether a hop ended without a whole answer, or with an error."""
    return not hop.ok


def causes(index: Index, request: Request, hops: Sequence[Hop]) -> Sequence[Hop]:
    """Return the failed hops of a request that have no failed hop below them, the most likely cause first.

    A failure that reached the user comes before one that a service handled, a hop under a fault before others, no
    answer or a 5xx before a 4xx ("not found" may be an ordinary answer), and a long one before a short one. Left out
    are calls that were cancelled because another call had failed.
    """
    bad = _not_cancelled(index, [hop for hop in hops if is_bad(hop)])
    handled = _handled(index, bad)

    def rank(hop: Hop) -> tuple[bool, bool, bool, float]:
        mild = hop.has_status(*range(400, 500))
        return (hop.edge in handled, not under_fault(index, hop), mild, -hop.duration_ms)

    return sorted(_deepest(bad), key=rank)


def _not_cancelled(index: Index, bad: Sequence[Hop]) -> Sequence[Hop]:
    """Leave out what a caller cancelled soon after a failure elsewhere, which does not depend on that call."""
    failed = [(Edge.parse(hop.edge).callee, _end(hop)) for hop in bad if hop.outcome != CLIENT_GONE]

    def cancelled(hop: Hop) -> bool:
        above = _above(index, Edge.parse(hop.edge).caller)
        return any(callee not in above and abs(_end(hop) - end) < PROMPT_S for callee, end in failed)

    return [hop for hop in bad if hop.outcome != CLIENT_GONE or not cancelled(hop)]


def _end(hop: Hop) -> float:
    return hop.start + hop.duration_ms / 1000


@remembered
def _above(index: Index, service: str) -> set[str]:
    """Return a service and every service from which it can be reached."""
    found, todo = {service}, [service]
    while todo:
        callee = todo.pop()
        new = {e.caller for e in map(Edge.parse, index.edges) if e.callee == callee} - found
        found |= new
        todo += new
    return found


def _handled(index: Index, bad: Sequence[Hop]) -> set[str]:
    """Return the edges of failures after which their caller nevertheless answered well."""
    failed = {Edge.parse(hop.edge).callee for hop in bad} | {index.facts.entry, CLIENT}
    return {hop.edge for hop in bad if Edge.parse(hop.edge).caller not in failed}


def _deepest(hops: Sequence[Hop]) -> Sequence[Hop]:
    """Return the hops below which there is no other of them."""
    callers = {Edge.parse(hop.edge).caller for hop in hops}
    return [hop for hop in hops if Edge.parse(hop.edge).callee not in callers]


def under_fault(index: Index, hop: Hop) -> bool:
    """Whether a fault was in force on the link of a hop; for a request fault, whether it matched the request there."""
    return any(
        hop.edge in fault.edges
        and _meets(fault, hop)
        and _on_link(hop, fault.links)
        and (fault.plane != "inlet" or _matched(index, hop, fault.id))
        for fault in index.faults
        if fault.injected
    )


def _meets(fault: FaultEvent, hop: Hop) -> bool:
    return hop.start < fault.end + fault.healing_s and _end(hop) > fault.start - fault.rising_s


def _on_link(hop: Hop, links: Sequence[str]) -> bool:
    if isinstance(hop, Call) or not hop.callee:
        return any(link.startswith(f"{hop.caller}--") for link in links)
    return f"{hop.caller}--{hop.callee}" in links


def _matched(index: Index, hop: Hop, fault: str) -> bool:
    there = [a for a in index.arrivals.by_request.get(hop.request, ()) if a.edge == hop.edge]
    return any(fault in arrival.fault.split(",") for arrival in there)
