"""The next thing to look at: one example request, with its attempts and arrivals, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testbed.checks.judging.culprit import Hop, causes, is_bad, kept_busy, place_of, under_fault
from testbed.checks.judging.formatting import count, ms, outcome, plural, seconds
from testbed.checks.judging.inside import inside
from testbed.checks.judging.stores import account, connection_text, connections_of
from testbed.checks.judging.uncalled import no_longer_called
from testbed.checks.judging.view import View
from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index, remembered
from testbed.history.outcomes import WORDS
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.grpc_status import name_of

MOST = 5  # lines of hops of one request, and one more for each edge under a fault that these do not show
MANY = 3  # from this attempt on, attempts that ended in the same way are one line


def worst(requests: Iterable[Request]) -> Request:
    """Return the request that shows a failure best: one without an answer, else with an error, the longest of these."""
    return max(requests, key=lambda one: (not one.answered, not one.ok, one.latency_ms))


def request_trace(view: View, request: Request, first: Sequence[Hop] = ()) -> str:
    """Return how one request ended, then its hops: those of `first` one by one, the causes of its failure, and others.

    Hops are attempts, and calls that a proxy refused; where no attempts are recorded, arrivals. Hops that ended in the
    same way are one line. Each edge under a fault is shown; the rest is counted. Spans that services exported follow.
    """
    user = f", user {request.user}" if request.user else ""
    head = f"request {request.id} ({request.method} {request.path}{user}): {outcome(request)}"
    head += f" after {ms(request.latency_ms)}"
    index = view.index
    hops = [*_waited_for(index, request), *_lines(index, request, first)]
    return "\n  ".join([head, *hops, *inside(index, request)])


def _waited_for(index: Index, request: Request) -> Iterator[str]:
    """Yield what the request waited for without a hop of its own: the connections of a store, calls of others."""
    edge = place_of(index, request)
    if index.facts.is_tcp(edge):
        yield from map(connection_text, connections_of(index, request, edge)[:1])
        yield account(index, edge)
    elif busy := kept_busy(index, request, caller := Edge.parse(edge).caller):
        longest = ms(busy[0].duration_ms)
        held = f"{count(len(busy))} attempts of other requests on {edge}, the longest for {longest}"
        yield f"{caller} was busy meanwhile: {held}"
    elif edge == no_longer_called(index, request, caller):
        yield f"{caller} answered without a call on {edge}, which it made for such requests before the fault"


def _lines(index: Index, request: Request, first: Sequence[Hop]) -> Iterator[str]:
    groups = list(_groups(index, request, first))
    shown = groups[:MOST]
    for group in groups[MOST:]:
        if group.faulted and not any(one.faulted and one.edge == group.edge for one in shown):
            shown.append(group)
    yield from (group.text for group in shown)
    rest = sum(len(group.hops) for group in groups if group not in shown)
    if rest:
        yield f"... {count(rest)} more"


@dataclass(frozen=True)
class _Group:
    """Hops of one request on one edge that ended in the same way; the first is the longest."""

    hops: tuple[Hop, ...]
    rank: tuple[object, ...]
    faulted: bool  # a fault was in force there

    @property
    def edge(self) -> str:
        return self.hops[0].edge

    @property
    def text(self) -> str:
        more = f", and {count(len(self.hops) - 1)} more like this" if len(self.hops) > 1 else ""
        return f"{hop_text(self.hops[0])}{more}"


def _groups(index: Index, request: Request, first: Sequence[Hop]) -> Iterator[_Group]:
    hops = [*first, *(hop for hop in _hops(index, request) if hop not in first)]
    order = {hop.edge: place for place, hop in reversed(list(enumerate(causes(index, request, hops))))}
    depth, place = _depths(index), place_of(index, request)

    def rank(hop: Hop) -> tuple[object, ...]:
        cause = is_bad(hop) and hop.edge in order
        slow = hop.duration_ms > request.latency_ms / 2
        kind = 0 if cause or (slow and hop.edge == place) else 1 if is_bad(hop) else 2 if slow else 3
        return (hop not in first, kind, order.get(hop.edge, -1) if kind == 0 else -depth.get(hop.edge, 0))

    def alike(hop: Hop) -> tuple[object, ...]:
        return (
            *rank(hop),
            hop.start if hop in first else 0.0,
            hop.edge,
            min(_number(hop), MANY),
            ending(hop),
            under_fault(index, hop),
        )

    gathered: dict[tuple[object, ...], list[Hop]] = {}
    for hop in sorted(hops, key=lambda one: one.start):
        gathered.setdefault(alike(hop), []).append(hop)
    found = [
        _Group(tuple(sorted(many, key=lambda one: -one.duration_ms)), rank(many[0]), bool(key[-1]))
        for key, many in gathered.items()
    ]
    yield from sorted(found, key=lambda group: group.rank)


def _hops(index: Index, request: Request) -> Iterator[Hop]:
    """Yield the attempts, the arrivals where the record has no attempt, and the calls that a proxy refused or ended."""
    attempts = index.attempts.by_request.get(request.id, ())
    known = {hop.edge for hop in attempts}
    yield from attempts
    for arrival in index.arrivals.by_request.get(request.id, ()):
        if arrival.edge not in known and (not known or not of_the_load(arrival.edge)):
            yield arrival
    calls = index.calls.by_request.get(request.id, ())
    yield from (call for call in calls if call.refused or _is_cut(call, attempts))


def _is_cut(call: Call, attempts: Sequence[Attempt]) -> bool:
    """Whether the caller did not get all of an answer, although the record of its attempts has whole ones only."""
    tries = [one for one in attempts if one.call == call.call]
    return bool(call.call and tries) and not call.whole and all(one.whole for one in tries)


@remembered
def _depths(index: Index) -> Mapping[str, int]:
    """Return how many edges lie between the load and each edge, on the shortest way."""
    depths: dict[str, int] = {}
    callers, depth = {CLIENT}, 0
    while new := [one for one in index.edges if Edge.parse(one).caller in callers and one not in depths]:
        depths |= dict.fromkeys(new, depth)
        callers, depth = {Edge.parse(one).callee for one in new}, depth + 1
    return depths


def _number(hop: Hop) -> int:
    return hop.number if isinstance(hop, Attempt) else hop.attempt if isinstance(hop, Arrival) else 0


def answer(hop: Attempt | Arrival | Call | Request) -> str:
    """Return how one hop or request ended: `503`, `UNAVAILABLE`, `no answer`, or `200, answer broke off`."""
    if isinstance(hop, Request):
        return outcome(hop)
    status = name_of(hop.grpc_status) if hop.grpc_status is not None else str(hop.status or "no answer")
    return status if hop.whole or not hop.status else f"{status}, {WORDS[hop.outcome]}"


def ending(hop: Attempt | Arrival | Call) -> str:
    """Return how one hop ended, with the raw flags in brackets: `503 (FI)`, `upstream timeout (UT)`."""
    cause = WORDS.get(hop.outcome, "")
    status = cause if cause and not hop.status else answer(hop)
    status += f" {cause}" if cause and hop.status and hop.whole else ""
    return f"{status} ({hop.flags})" if hop.flags else status


def hop_text(hop: Attempt | Arrival | Call) -> str:
    """Return one hop in words: `checkout -> pricing, pricing-1, attempt 2: 503 (FI) after 20.1 ms`."""
    if isinstance(hop, Call):
        where = f"{hop.edge} from {hop.caller}"
    else:
        where = f"{hop.edge}, {hop.callee or 'no replica chosen'}, attempt {_number(hop)}"
        where += f", {hop.method} {hop.path}" if isinstance(hop, Arrival) and hop.method not in ("", "GET") else ""
    own = ", answered by the test proxy itself" if isinstance(hop, Arrival) and hop.own else ""
    return f"{where}: {ending(hop)} after {ms(hop.duration_ms)}{own}"


def more_load(view: View, needed: int) -> str:
    """Return how to get this number of requests from this population at its present rate."""
    if not view.rate:
        return f"send {plural(needed, 'request')}"
    longer = f"{plural(needed, 'request')} take {seconds(needed / view.rate)} at this population's {view.rate:.3g}/s"
    cohort = "" if view.population.name == "all" else ", or set a rate for its cohort (cohort_rps=)"
    return f"{longer}: lengthen the phase{cohort}"
