"""Whether a caller gave up waiting: without that, no deadline was handed on and none could be missed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from testbed.checks.judging.view import View
from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.history.outcomes import CLIENT_GONE, IN_FLIGHT, TIMEOUT

GIVEN_UP = (TIMEOUT, CLIENT_GONE, IN_FLIGHT)
STATUSES = (408, 499, 504)  # of an app or proxy whose time ran out; for gRPC CANCELLED and DEADLINE_EXCEEDED


def gave_up(view: View, edges: Collection[str]) -> bool:
    """Whether a call on these edges, or on a path to them, was ended by a timeout or deadline, or by its caller.

    A call without an answer and without a reason counts: an app says only that it has no answer.
    """
    if any(map(_is_given_up, view.requests)):
        return True
    return any(map(_is_given_up, _hops(view, _leading_to(view.index.edges, edges))))


def _hops(view: View, edges: Iterable[str]) -> Iterator[Attempt | Call | Arrival]:
    for edge in edges:
        yield from view.attempts(edge)
        yield from view.calls(edge)
        yield from view.arrivals(edge)


def _is_given_up(hop: Request | Attempt | Call | Arrival) -> bool:
    if hop.outcome:
        return hop.outcome in GIVEN_UP
    return not hop.answered or hop.has_status(*STATUSES)


def _leading_to(all_edges: Iterable[str], edges: Collection[str]) -> set[str]:
    """Return these edges and all on a path to them."""
    known, found = list(all_edges), set(edges)
    while True:
        callers = {edge.partition(" -> ")[0] for edge in found}
        more = {edge for edge in known if edge.partition(" -> ")[2] in callers} - found
        if not more:
            return found
        found |= more
