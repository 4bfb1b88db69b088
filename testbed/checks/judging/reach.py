"""How far a figure can go by the topology in force: the most attempts, the longest time. Infinite where it is unknown.

A custom service makes calls, waits and headers of its own, which no topology tells. So nothing is said of its calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from testbed.checks.judging.formatting import ms
from testbed.checks.judging.view import View
from testbed.errors import TestbedError
from testbed.history.facts import of_the_load
from testbed.spec.edges import Edge
from testbed.spec.meshes import capabilities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from testbed.spec.calls import Call
    from testbed.spec.routes import Node
    from testbed.spec.topology import Topology

FAR = 2.0  # a bound is out of reach above this multiple of the longest time by the policies ...
FAR_MS = 1_000.0  # ... and this much more: a nearer one says that the policies act, and fails if they do not


def too_far(limit_ms: float, longest_ms: float, what: str) -> str:
    """Return why a bound is so far above the longest time by the policies that it says nothing of them, "" if not."""
    if limit_ms < FAR * longest_ms + FAR_MS:
        return ""
    return f"the timeouts of the topology end {what} within {ms(longest_ms)}, far below {ms(limit_ms)}"


def _known(ask: Callable[[View, str], float]) -> Callable[[View, str], float]:
    """Let a function return infinity where the topology changed in the window, or cannot be read."""

    @wraps(ask)
    def known(view: View, about: str) -> float:
        try:
            return ask(view, about)
        except TestbedError:
            return math.inf

    return known


@_known
def attempts_per_call(view: View, edge: str) -> float:
    """Return the most attempts that the caller's proxy can make for one call on an edge."""
    topology = view.topology
    if not _is_told(topology, Edge.parse(edge).caller):
        return math.inf
    policy = topology.policy(edge)
    return 1 if policy is None else policy.attempts


@_known
def attempts_per_request(view: View, service: str) -> float:
    """Return the most attempts at a service that one of the requests of a view can cause, on all edges together."""
    from testbed.spec.lint.amplification import amplification

    topology = view.topology
    if any(one.is_own and one.calls for one in topology.services.values()):
        return math.inf
    return max((amplification(topology, service, node).most for node in _entered(view, topology)), default=math.inf)


@_known
def longest_call_ms(view: View, edge: str) -> float:
    """Return the time (ms) after which the caller's proxy ends every call on an edge, or the entry every request."""
    if of_the_load(edge):
        return longest_request_ms(view)
    topology = view.topology
    return _proxy_limit(topology, edge) if _is_told(topology, Edge.parse(edge).caller) else math.inf


def longest_request_ms(view: View) -> float:
    """Return the longest time (ms) of the requests of a view: the entry's work, and its calls up to their timeouts."""
    return _longest_request(view, "")


@_known
def _longest_request(view: View, _: str) -> float:
    topology = view.topology
    entry = topology.services[topology.entry]
    if not _is_told(topology, topology.entry) or entry.concurrency is not None or _is_broken(view, topology.entry):
        return math.inf
    return max((_route_ms(topology, node) for node in _entered(view, topology)), default=math.inf)


def _is_told(topology: Topology, caller: str) -> bool:
    """Whether the topology tells all of what a caller does: a stub whose proxy has the policies."""
    return capabilities(topology.mesh).enforces_policies and not topology.services[caller].is_own


def _is_broken(view: View, service: str) -> bool:
    """Whether a fault of the run is at this service itself, or at its proxies."""
    replicas = view.index.facts.replicas.get(service, ())
    hit = (link.partition("--")[2] for fault in view.index.faults for link in fault.links)
    behind = (name for fault in view.index.faults for name in fault.behind)
    return not set(replicas).isdisjoint((*hit, *behind))


def _entered(view: View, topology: Topology) -> Iterator[Node]:
    """Yield the routes of the entry that the requests of a view take."""
    from testbed.spec.routes import Node

    entry = topology.services[topology.entry]
    for method, path in {(request.method, request.path) for request in view.requests}:
        yield Node(topology.entry, entry.route_key(method, path))


def _route_ms(topology: Topology, node: Node) -> float:
    from testbed.spec.calls import calls_of

    route = topology.services[node.service].route_table[node.route]
    steps: Sequence[float] = [max(_call_ms(topology, node, c) for c in calls_of(step)) for step in route.calls]
    return max((route.work or {}).values(), default=0.0) + sum(steps)


def _call_ms(topology: Topology, caller: Node, call: Call) -> float:
    """Return the longest time of a call with all tries of the application, the pauses and the fallback call."""
    from testbed.spec.calls import Fallback

    each = min(call.timeout or math.inf, _proxy_limit(topology, f"{caller.service} -> {call.to}"))
    pauses = call.retry.retries * call.retry.pause if call.retry else 0.0
    fallback = call.on_failure.call if isinstance(call.on_failure, Fallback) else None
    return call.tries * each + pauses + (_call_ms(topology, caller, fallback) if fallback else 0.0)


def _proxy_limit(topology: Topology, edge: str) -> float:
    """Return the timeout of a policy, infinite without one and where a request may carry another."""
    policy = topology.policy(edge)
    return math.inf if policy is None or policy.respect_expected_rq_timeout else policy.timeout or math.inf
