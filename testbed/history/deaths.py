"""The meaning of a process that dies during a run: a finding or a testbed error."""

from __future__ import annotations

from testbed.history.events import Arrival, Request
from testbed.history.index import Index

APP = "/app"
SOON_S = 0.05  # an event that ended this shortly before a death may have been cut off by it


def is_finding(process: str) -> bool:
    """Whether the death of a process during a load is a finding about the services: an app died, of whatever reason.

    The death of any other process is a testbed error.
    """
    return process.endswith(APP)


def last_request(index: Index, process: str, at: float) -> Request | None:
    """Return the last request that an app had begun when it died, None if none was under way there."""
    replica = process.removesuffix(APP)
    there = [a for a in index.arrivals.all if a.callee == replica and _under_way(a, at)]
    if there:
        last = max(there, key=lambda arrival: (not arrival.ok, arrival.start)).request
        return next((request for request in index.requests if request.id == last), None)
    direct = [r for r in index.requests if r.replica == replica and r.sent <= at <= _end(r) + SOON_S]
    return max(direct, key=lambda request: (not request.ok, request.sent), default=None)


def _under_way(arrival: Arrival, at: float) -> bool:
    return arrival.start <= at <= arrival.start + arrival.duration_ms / 1000 + SOON_S


def _end(request: Request) -> float:
    return request.intended + request.latency_ms / 1000
