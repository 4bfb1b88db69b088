"""Calls of an app's own, such as health polls and refreshers: they carry no request id, and no request caused them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import median

from testbed.history.events import Arrival, Attempt, Call
from testbed.history.facts import of_the_load
from testbed.history.index import Index, Joined, remembered
from testbed.history.outcomes import CLIENT_GONE, REJECTED
from testbed.spec.edges import Edge

Hop = Attempt | Call | Arrival

SLACK_S = 0.005  # between the clocks of two logs
SOON_S = 0.05  # what follows the end of a request so soon may be its work, done after the answer
STAYS_S = 30.0  # an app may go on with a request that its client has left
REGULAR, FEWEST = 0.25, 4  # how far an interval may be from the median one; how many calls make a rhythm


@remembered
def own_calls(index: Index, source: str, edge: str) -> frozenset[Hop]:
    """Return the events of a source ("attempts", "calls", "arrivals") on an edge that are calls of the app's own.

    Such a call has no request id. Either no request was under way at its replica, or it is one of a regular series
    (which went on while no request was there, or while each request made its own call). Connections are left out.
    """
    if source == "arrivals":
        return _own_arrivals(index).get(edge, frozenset())
    joined: Joined[Attempt] | Joined[Call] = index.attempts if source == "attempts" else index.calls
    return _own(index, edge, joined.on(edge), _own_arrivals(index))


def own_call_notes(index: Index) -> list[str]:
    """Return one line for each edge with calls of an app's own."""
    found = {edge: _shown(index, edge) for edge in index.facts.edges if not index.facts.is_tcp(edge)}
    return [
        f"{count} calls of {Edge.parse(edge).caller}'s own on {edge}: no request caused them"
        for edge, count in found.items()
        if count
    ]


def _shown(index: Index, edge: str) -> int:
    return max(len(own_calls(index, source, edge)) for source in ("calls", "attempts", "arrivals"))


@remembered
def _own_arrivals(index: Index) -> Mapping[str, frozenset[Hop]]:
    """Return the own calls among the arrivals of each edge, callers first: an own call can cause other calls."""
    found: dict[str, frozenset[Hop]] = {}
    for edge in _outwards(index):
        found[edge] = _own(index, edge, index.arrivals.on(edge), found)
    return found


def _outwards(index: Index) -> list[str]:
    """Return the edges between services, those of the entry first."""
    edges = [edge for edge in index.edges if not of_the_load(edge)]
    services, ordered = [index.facts.entry], list[str]()
    for service in services:  # grows
        below = [edge for edge in edges if edge not in ordered and Edge.parse(edge).caller == service]
        ordered += below
        services += [callee for edge in below if (callee := Edge.parse(edge).callee) not in services]
    return [*ordered, *(edge for edge in edges if edge not in ordered)]


def _own(index: Index, edge: str, events: Sequence[Hop], own_arrivals: Mapping[str, frozenset[Hop]]) -> frozenset[Hop]:
    if of_the_load(edge) or index.facts.is_tcp(edge):
        return frozenset()
    nameless: dict[str, list[Hop]] = defaultdict(list)
    for event in events:
        if not event.request and event.outcome != REJECTED and getattr(event, "source", "") != "connection":
            nameless[event.caller].append(event)
    calling = frozenset(event.request for event in events if event.request)
    return frozenset(
        event
        for caller, series in nameless.items()
        for event in _of_nobody(series, _requests_at(index, caller, Edge.parse(edge).caller, own_arrivals), calling)
    )


def _of_nobody(series: Sequence[Hop], requests: Sequence[_Span], calling: frozenset[str]) -> Iterable[Hop]:
    """Return the calls of one replica that no request caused."""
    there, lacking = Spans(requests), Spans([one for one in requests if one[2] not in calling])
    idle = [event for event in series if not there.at(event.start)]
    soon = sum(1 for event in idle if there.at(event.start - SOON_S))
    if len(series) > len(requests) / 2 and soon > 0.8 * len(idle):
        return ()  # work after the answer: as many calls as requests, each just after one
    rhythm = _is_regular([event.start for event in series])
    if rhythm and idle:
        return series
    owned = len(series) <= len(requests) / 2 and not any(lacking.at(event.start) for event in series)
    return series if rhythm and owned else idle


_Span = tuple[float, float, str]  # start, end, request id


class Spans:
    """Periods in which requests were under way, with fast look-up."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _, _ in ordered]
        self._ends = list(accumulate((end for _, end, _ in ordered), max))

    def at(self, moment: float) -> bool:
        """Whether a request was under way at a moment."""
        number = bisect_right(self._starts, moment + SLACK_S)
        return number > 0 and self._ends[number - 1] >= moment - SLACK_S


def _requests_at(
    index: Index, replica: str, service: str, own_arrivals: Mapping[str, frozenset[Hop]]
) -> Sequence[_Span]:
    """Return the requests at a replica; where its inlet records nothing, those of the load."""
    edges = [edge for edge in index.arrivals.by_edge if edge.endswith(f" -> {service}")]
    if edges:
        return [
            span(one)
            for edge in edges
            for one in index.arrivals.on(edge)
            if one.callee == replica and one not in own_arrivals.get(edge, frozenset())
        ]
    known = {request.replica for request in index.requests}
    chosen = [one for one in index.requests if replica not in known or one.replica == replica]
    return [(one.sent, one.intended + one.latency_ms / 1000 + (0 if one.status else STAYS_S), one.id) for one in chosen]


def span(one: Arrival) -> _Span:
    """Return when a request was under way at its replica; one that its client left may go on."""
    gone = one.outcome == CLIENT_GONE or not one.status
    return one.start, one.start + one.duration_ms / 1000 + (STAYS_S if gone else 0.0), one.request


def _is_regular(times: Sequence[float]) -> bool:
    """Whether these moments have a rhythm: nearly all intervals are like the median one."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(times))]
    if len(gaps) < FEWEST - 1 or not (usual := median(gaps)):
        return False
    even = sum(1 for gap in gaps if math.isclose(gap, usual, rel_tol=REGULAR))
    return even >= 0.8 * len(gaps)
