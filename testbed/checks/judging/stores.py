"""The connections of tcp edges: which store a request waited for, and what became of its connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from testbed.checks.judging.formatting import count, ms, plural
from testbed.history.events import Arrival, Attempt, FaultEvent, Request
from testbed.history.index import Index, remembered
from testbed.history.outcomes import CLIENT_GONE, CONNECT_FAILED
from testbed.spec.edges import Edge


def stalled_store(index: Index, request: Request, edge: str) -> str:
    """Return the tcp edge of this edge's callee on which a request waited or failed, "" if no connection shows one.

    A connection shows it if it failed or got no byte back, or was open under a fault, while the request was under way.
    """
    service = Edge.parse(edge).callee
    below = [one for one in index.edges if Edge.parse(one).caller == service and index.facts.is_tcp(one)]
    if not below:
        return ""
    suspects = {one: _suspects(index, request, one) for one in below}
    worst = max(below, key=lambda one: len(suspects[one]))
    return worst if suspects[worst] else ""


def connections_of(index: Index, request: Request, edge: str) -> Sequence[Attempt]:
    """Return the connections on a tcp edge that may explain why a request failed: failed ones, then the nearest."""
    suspects = _suspects(index, request, edge)
    return sorted(suspects, key=lambda one: (not _failed(one), abs(one.start - request.sent)))


def _suspects(index: Index, request: Request, edge: str) -> Sequence[Attempt]:
    start, end = request.sent, request.intended + request.latency_ms / 1000
    callers = _callers(index, request, edge)
    return [
        one
        for one in index.attempts.on(edge)
        if one.caller in callers and one.start < end and _end(one) > start and _explains(index, one, start, end)
    ]


def _callers(index: Index, request: Request, edge: str) -> frozenset[str]:
    """Return the replicas of the caller that had the request: of the record, else all."""
    service = Edge.parse(edge).caller
    replicas = frozenset(one.caller for one in index.attempts.on(edge))
    hops: list[Arrival | Attempt] = [*index.arrivals.by_request.get(request.id, ())]
    hops += index.attempts.by_request.get(request.id, ())
    had = {request.replica, *(hop.callee for hop in hops if Edge.parse(hop.edge).callee == service)}
    return replicas & had or replicas


def _explains(index: Index, one: Attempt, start: float, end: float) -> bool:
    return _failed(one) or _unanswered(one) or any(_under(fault, one, start, end) for fault in index.faults)


def _failed(one: Attempt) -> bool:
    return one.outcome not in ("", CLIENT_GONE)


def _unanswered(one: Attempt) -> bool:
    """Whether the caller sent something and got nothing back."""
    return bool(one.sent) and one.received == 0


def _under(fault: FaultEvent, one: Attempt, start: float, end: float) -> bool:
    """Whether a fault was in force on the link of a connection while both the connection and the request lasted."""
    begun, over = max(start, one.start, fault.start - fault.rising_s), min(end, _end(one), fault.end + fault.healing_s)
    return fault.injected and begun < over and f"{one.caller}--{one.callee}" in fault.links


def _end(one: Attempt) -> float:
    return one.start + one.duration_ms / 1000


def connection_text(one: Attempt) -> str:
    """Return one connection in words: `api -> cache, cache-1: connection lasted 4,001 ms, 4 bytes sent, 0 received`."""
    how = (
        "connection refused" if one.outcome == CONNECT_FAILED else "connection broken" if _failed(one) else "connection"
    )
    flags = f" ({one.flags})" if one.flags else ""
    volume = "" if one.sent is None else f", {plural(one.sent, 'byte')} sent, {count(one.received or 0)} received"
    return f"{one.edge}, {one.callee or 'no replica chosen'}: {how}{flags}, lasted {ms(one.duration_ms)}{volume}"


@remembered
def account(index: Index, edge: str) -> str:
    """Return what became of the connections of a tcp edge while a fault was in force (without a fault: in the run)."""
    seen = [one for one in index.attempts.on(edge) if _met(index, one)]
    refused = sum(one.outcome == CONNECT_FAILED for one in seen)
    broken = sum(_failed(one) for one in seen) - refused
    hung = sum(_unanswered(one) for one in seen)
    return f"connections on {edge}{_when(index)}: {', '.join(_figures(seen, refused, broken, hung))}"


def _met(index: Index, one: Attempt) -> bool:
    faults = [fault for fault in index.faults if fault.injected]
    return not faults or any(one.start < fault.end and _end(one) > fault.start for fault in faults)


def _when(index: Index) -> str:
    return " while a fault was in force" if any(fault.injected for fault in index.faults) else ""


def _figures(seen: Sequence[Attempt], refused: int, broken: int, hung: int) -> Iterator[str]:
    yield f"{count(len(seen))} open"
    yield f"{count(refused)} refused"
    yield f"{count(broken)} broken"
    if any(one.sent is not None for one in seen):
        yield f"{count(hung)} hung (bytes sent, none received)"
        yield f"{plural(sum(one.sent or 0 for one in seen), 'byte')} sent"
        yield f"{count(sum(one.received or 0 for one in seen))} received"
