"""Refuses checks of single requests on a tcp edge, where only connections are recorded.

Such a check would find no request, as if the load had never reached the edge.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from testbed.checks.judging.base import Check
from testbed.errors import CheckError
from testbed.history.index import Index
from testbed.spec.edges import Edge, no_requests


def refuse_on_tcp(check: Check, index: Index) -> None:
    """Raise `CheckError` if a check of single requests is about a tcp edge, and name what works instead."""
    edge = next(filter(index.facts.is_tcp, check.on_edges(index)), None)
    if edge and not check.takes_tcp:
        instead = [*_above(check, index), "a check of the load's requests, such as availability"]
        raise CheckError(f"{check}: {no_requests(edge)}. Use {', or '.join(instead)}")


def _above(check: Check, index: Index) -> Iterator[str]:
    """Yield where the same check works: the edges into the caller."""
    if not check.on_edge():
        return
    caller = Edge.parse(check.on_edge()).caller
    for edge in index.edges:
        if Edge.parse(edge).callee == caller and not index.facts.is_tcp(edge) and _fits(check, edge, index):
            yield f"{check.written} on {edge}"


def _fits(check: Check, edge: str, index: Index) -> bool:
    moved = copy.copy(check)
    object.__setattr__(moved, "edge", edge)
    try:
        moved.fits(index)
    except CheckError:
        return False
    return True
