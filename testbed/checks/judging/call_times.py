"""The calls of an edge with their durations: measured by a proxy, or by the load on the edge into the entry."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.checks.judging.view import View
from testbed.history.events import Call, Request
from testbed.history.facts import of_the_load


def timed_calls(view: View, edge: str) -> Sequence[tuple[float, Request | Call]]:
    """Return every call of a view on an edge with its duration in milliseconds, however it ended."""
    if of_the_load(edge):
        return [(request.latency_ms, request) for request in view.requests]
    return [(call.duration_ms, call) for call in view.calls(edge)]
