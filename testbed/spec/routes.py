"""The graph of routes: from a route of one service to the routes that its calls reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from testbed.spec.calls import Call
from testbed.spec.problems import FieldPath
from testbed.spec.services import DEFAULT_ROUTE

if TYPE_CHECKING:
    from testbed.spec.spec import Spec


@dataclass(frozen=True, slots=True)
class Node:
    """One route of one service."""

    service: str
    route: str = DEFAULT_ROUTE

    def __str__(self) -> str:
        """Write `checkout` for the default route, `checkout (GET /cart)` for another."""
        return self.service if self.route == DEFAULT_ROUTE else f"{self.service} ({self.route})"


def nodes(spec: Spec) -> Iterator[Node]:
    """Yield every route of every service, in file order."""
    for name, service in spec.services.items():
        for key in service.route_table:
            yield Node(name, key)


def nodes_bottom_up(spec: Spec) -> list[Node]:
    """Return every route after the routes that it calls, so that callers need no deep recursion.

    Raises `graphlib.CycleError` for circular calls.
    """
    graph = {node: [callee_of(spec, call) for _, call in calls_from(spec, node)] for node in nodes(spec)}
    return list(TopologicalSorter(graph).static_order())


def calls_from(spec: Spec, node: Node) -> Iterator[tuple[FieldPath, Call]]:
    """Yield the calls of one route, fallbacks included, each with its place in the topology."""
    for key, place, call in spec.services[node.service].every_call():
        if key == node.route:
            yield ("services", node.service, *place), call


def callee_of(spec: Spec, call: Call) -> Node:
    """The route that answers a call."""
    return Node(call.to, spec.services[call.to].route_key(call.method, call.path))
