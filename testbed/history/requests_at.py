"""Where and when the requests of a run were: the edges between services, what arrived at one, the first fault."""

from __future__ import annotations

import math
from collections.abc import Sequence

from testbed.history.events import Arrival, Attempt
from testbed.history.facts import of_the_load
from testbed.history.index import Index


def first_fault(index: Index) -> float:
    """The time at which the first fault began to come into force."""
    return min((fault.start - fault.rising_s for fault in index.faults if fault.injected), default=math.inf)


def inner_edges(index: Index) -> list[str]:
    """Return the edges between services."""
    return [edge for edge in index.facts.edges if not of_the_load(edge)]


def arrivals_at(index: Index, service: str) -> list[Arrival]:
    """Return the arrivals at a service, from every caller."""
    edges = [edge for edge in index.arrivals.by_edge if edge.partition(" -> ")[2] == service]
    return [arrival for edge in edges for arrival in index.arrivals.on(edge)]


def sent_on(index: Index, edge: str) -> Sequence[Attempt | Arrival]:
    """Return the attempts on an edge, or the arrivals if no attempts are recorded."""
    return index.attempts.on(edge) or index.arrivals.on(edge)
