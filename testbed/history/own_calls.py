"""Calls of an app's own, such as health polls and refreshers: they carry no request id, and no request caused them."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from testbed.history.events import Arrival, Attempt, Call
from testbed.history.facts import of_the_load
from testbed.history.index import Index, Joined, remembered
from testbed.history.outcomes import CLIENT_GONE, REJECTED
from testbed.history.rhythm import FEWEST, SEEN, in_step, interval_of, is_regular
from testbed.spec.edges import Edge

Hop = Attempt | Call | Arrival

SLACK_S = 0.005  # between the clocks of two logs
SOON_S = 0.05  # what follows the end of a request so soon may be its work, done after the answer
STAYS_S = 30.0  # an app may go on with a request that its client has left
LONG_S = 0.5  # a call that goes on so long after the requests that were there is not theirs
FEW = 0.1  # of the requests: more such calls than this may be work after the answer


@remembered
def own_calls(index: Index, source: str, edge: str) -> frozenset[Hop]:
    """Return the events of a source ("attempts", "calls", "arrivals") on an edge that are calls of the app's own.

    Such a call has no request id. Either no request was under way at its replica, or it is one of a regular series
    (which went on while no request was there, or while each request made its own call), or it goes on long after the
    requests that were there when it began. Where the record of requests at the replica has a gap, no call is the app's
    own. Connections are left out.
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
    service, nameless = Edge.parse(edge).caller, defaultdict[str, list[Hop]](list)
    recorded = _record_of(index, service)
    for event in events:
        if _is_nameless(event) and recorded(event.start):
            nameless[event.caller].append(event)
    calling = frozenset(event.request for event in events if event.request)
    return frozenset(
        event
        for caller, series in nameless.items()
        for event in _of_nobody(series, _requests_at(index, caller, service, own_arrivals), calling)
    )


def _is_nameless(event: Hop) -> bool:
    return not event.request and event.outcome != REJECTED and getattr(event, "source", "") != "connection"


def _record_of(index: Index, service: str) -> Callable[[float], bool]:
    """Return whether the record shows every request that was at a service at a moment.

    Where it does not, a call without an id may be of a request that is not on record.
    """
    source = "arrivals" if _ways_to(index, service) else "requests"
    gaps = [
        (one.since, one.until or math.inf)
        for one in index.evidence
        if one.source == source and not one.complete
        if not one.edges or any(edge.endswith(f" -> {service}") for edge in one.edges)
    ]
    return lambda moment: not any(since <= moment <= until for since, until in gaps)


def _of_nobody(series: Sequence[Hop], requests: Sequence[_Span], calling: frozenset[str]) -> Iterator[Hop]:
    """Yield the calls of one replica that no request caused. Calls of one kind are judged together."""
    there, lacking = Spans(requests), Spans([one for one in requests if one[2] not in calling])
    kinds: dict[str, list[Hop]] = defaultdict(list)
    for event in series:
        kinds[_kind(event)].append(event)
    rare: list[Hop] = []  # too few for a rhythm
    for alike in kinds.values():
        if _outlives(alike, there, len(requests)):
            yield from alike
        elif len(alike) < FEWEST:
            rare += alike
        else:
            yield from _of_a_series(alike, there, lacking, len(requests))
    yield from _of_a_series(rare, there, lacking, len(requests))


def _kind(event: Hop) -> str:
    """Method and path of a call, without what differs from call to call: the query, and parts with a digit."""
    return f"{event.method} {re.sub(r'[^/]*[0-9][^/]*', '*', event.path.partition('?')[0])}"


def _outlives(alike: Sequence[Hop], there: Spans, requests: int) -> bool:
    """Whether these few calls, such as the wait of a watcher, go on long after the requests that were there before."""
    return len(alike) <= max(1, FEW * requests) and all(
        event.start + event.duration_ms / 1000 > there.until(event.start) + LONG_S for event in alike
    )


def _of_a_series(series: Sequence[Hop], there: Spans, lacking: Spans, requests: int) -> Iterable[Hop]:
    idle = [event for event in series if not there.at(event.start)]
    times = [event.start for event in series]
    soon = sum(1 for event in idle if there.at(event.start - SOON_S))
    many = len(series) > requests / 2 and len(idle) > requests / 2 * there.quiet(times)
    if many and soon > 0.8 * len(idle):
        return ()  # work after the answer: as many calls as requests, each just after one
    owned = len(series) <= requests / 2 and not any(map(lacking.at, times))
    if is_regular(times) and (owned or _goes_on(idle, times, there)):
        return series
    return [*idle, *_in_step(series, idle, there)]


def _goes_on(idle: Sequence[Hop], times: Sequence[float], there: Spans) -> bool:
    """Whether a regular series goes on while no request is there: one of a constant load does not."""
    expected = len(times) * there.quiet(times)
    return len(idle) >= max(2.0, SEEN * expected) and expected >= 1


def _in_step(series: Sequence[Hop], idle: Sequence[Hop], there: Spans) -> Iterator[Hop]:
    """Yield the calls that were made beside requests, in the rhythm of those that were made while none was there."""
    known, times = [event.start for event in idle], [event.start for event in series]
    if interval := interval_of(known, there.quiet_s(times)):
        steps = in_step(known, times, interval)
        yield from (event for event in series if event.start in steps and event not in idle)


_Span = tuple[float, float, str]  # start, end, request id


class Spans:
    """Periods in which requests were under way, with fast look-up."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _, _ in ordered]
        self._ends = list(accumulate((end for _, end, _ in ordered), max))

    def until(self, moment: float) -> float:
        """The end of the last request that had begun by a moment."""
        number = bisect_right(self._starts, moment + SLACK_S)
        return self._ends[number - 1] if number else -math.inf

    def at(self, moment: float) -> bool:
        """Whether a request was under way at a moment."""
        return self.until(moment) >= moment - SLACK_S

    def quiet(self, times: Sequence[float]) -> float:
        """The share of the time of these moments in which no request was under way."""
        lasted = max(times, default=0.0) - min(times, default=0.0)
        return self.quiet_s(times) / lasted if lasted else 1.0

    def quiet_s(self, times: Sequence[float]) -> float:
        """The time between the first and the last of these moments in which no request was under way."""
        first, last = min(times, default=0.0), max(times, default=0.0)
        begins, ends = [*self._starts, math.inf], [-math.inf, *self._ends]
        quiet = (min(b - SLACK_S, last) - max(e + SLACK_S, first) for b, e in zip(begins, ends, strict=True))
        return sum(one for one in quiet if one > 0)


def _requests_at(
    index: Index, replica: str, service: str, own_arrivals: Mapping[str, frozenset[Hop]]
) -> Sequence[_Span]:
    """Return the requests at a replica; where its inlet records nothing, those of the load."""
    if edges := _ways_to(index, service):
        return [
            span(one)
            for edge in edges
            for one in index.arrivals.on(edge)
            if one.callee == replica and one not in own_arrivals.get(edge, frozenset())
        ]
    known = {request.replica for request in index.requests}
    chosen = [one for one in index.requests if replica not in known or one.replica == replica]
    return [(one.sent, one.intended + one.latency_ms / 1000 + (0 if one.status else STAYS_S), one.id) for one in chosen]


def _ways_to(index: Index, service: str) -> list[str]:
    """Return the edges to a service on which its inlet records arrivals."""
    return [edge for edge in index.arrivals.by_edge if edge.endswith(f" -> {service}")]


def span(one: Arrival) -> _Span:
    """Return when a request was under way at its replica; one that its client left may go on."""
    gone = one.outcome == CLIENT_GONE or not one.status
    return one.start, one.start + one.duration_ms / 1000 + (STAYS_S if gone else 0.0), one.request
