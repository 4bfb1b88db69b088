"""Calls that a service makes no more: since a fault on an edge it answers some requests without their usual call."""

from __future__ import annotations

from testbed.checks.judging.own_breaker import answered_without_call
from testbed.history.events import Request
from testbed.history.index import Index
from testbed.spec.edges import Edge


def no_longer_called(index: Index, request: Request, service: str) -> str:
    """Return the edge, hit by a fault, that a service calls for such requests before the fault, and not for this one.

    "" if there is none or more than one. A breaker of the app that stays open, a pool that has lost its slots, and a
    stale answer look like this, also after healing.
    """
    end = request.intended + request.latency_ms / 1000
    faults = (fault for fault in index.faults if fault.injected and fault.start < end)
    edges = dict.fromkeys(edge for fault in faults for edge in fault.edges)
    below = [edge for edge in edges if Edge.parse(edge).caller == service and not index.facts.is_tcp(edge)]
    found = [edge for edge in below if request.id in answered_without_call(index, edge)]
    return found[0] if len(found) == 1 else ""
