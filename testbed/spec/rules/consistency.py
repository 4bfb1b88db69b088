"""The consistency rules: names exist, one policy per edge, no circular calls, no port twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from difflib import get_close_matches
from graphlib import CycleError
from typing import TYPE_CHECKING

from testbed.errors import nearest
from testbed.spec.edges import CLIENT, Edge, no_edge
from testbed.spec.meshes import capabilities
from testbed.spec.problems import FieldPath, Problem
from testbed.spec.routes import Node, callee_of, calls_from, nodes, nodes_bottom_up
from testbed.spec.rules import custom
from testbed.spec.rules.protocols import misfits

if TYPE_CHECKING:
    from testbed.spec.policies.policy import Policy
    from testbed.spec.spec import Spec


def broken_rules(spec: Spec) -> list[Problem]:
    """Return all violated rules. Circular calls are checked only if all names are valid."""
    names = [
        *_services(spec),
        *_edges(spec),
        *_contradictions(spec),
        *_ports(spec),
        *_placement(spec),
        *custom.broken(spec),
    ]
    return names or [*misfits(spec), *_cycles(spec)]


def _services(spec: Spec) -> Iterator[Problem]:
    known = spec.services
    if spec.entry not in known:
        yield Problem(("entry",), f"no service {spec.entry!r}{nearest(spec.entry, known)}")
    for name, service in known.items():
        for _, place, call in service.every_call():
            if call.to not in known:
                where: FieldPath = ("services", name, *place, "to")
                yield Problem(where, f"no service {call.to!r}{nearest(call.to, known)}")


def _edges(spec: Spec) -> Iterator[Problem]:
    known = [f"{edge.caller} -> {_meant(edge.callee, spec.services)}" for edge in spec.edges()]
    for text in spec.edge_settings:
        if text not in known:
            yield Problem(("edges", text), no_edge(text, known))
    first: dict[str, int] = {}
    for index, policy in enumerate(spec.policies):
        if message := _policy_edge(policy.edge, known, first):
            yield Problem(("policies", index, "edge"), message)
        first.setdefault(policy.edge, index)


def _contradictions(spec: Spec) -> Iterator[Problem]:
    """Policies with parts that contradict each other."""
    for index, policy in enumerate(spec.policies):
        for place, message in _contradiction(policy):
            yield Problem(("policies", index, *place), message)


def _contradiction(policy: Policy) -> Iterator[tuple[FieldPath, str]]:
    breaker, retries = policy.circuit_breaker, policy.retries
    if policy.retry_budget and breaker and breaker.max_retries is not None:
        yield (
            ("retryBudget",),
            "contradicts circuitBreaker.maxRetries, which it replaces: keep one of them",
        )
    if retries and retries.hedge_on_per_try_timeout and retries.per_try_timeout is None:
        yield ("retries", "hedgeOnPerTryTimeout"), "needs perTryTimeout, after which the next attempt begins"
    if retries and retries.host_selection_retry_max_attempts and not retries.retry_ignore_previous_hosts:
        yield ("retries", "hostSelectionRetryMaxAttempts"), "contradicts retryIgnorePreviousHosts: false"


def _meant(service: str, known: Collection[str]) -> str:
    """The likely service of a misspelt call, so that a policy for that edge is not reported too."""
    return service if service in known else (get_close_matches(service, known, n=1) or [service])[0]


def _policy_edge(text: str, known: list[str], first: dict[str, int]) -> str:
    if text not in known:
        return no_edge(text, [edge for edge in known if Edge.parse(edge).caller != CLIENT])
    if Edge.parse(text).caller == CLIENT:
        return f"the load has no proxy, so {text!r} cannot have a policy"
    return f"a second policy for {text!r}, the first is policies[{first[text]}]" if text in first else ""


def _ports(spec: Spec) -> Iterator[Problem]:
    ports = spec.ports
    most = max(len(spec.upstreams(name)) for name in spec.services)
    for name, port in (("app", ports.app), ("admin", ports.admin)):
        if ports.proxy <= port <= ports.proxy + most:
            yield Problem(("ports", name), f"{port} is taken: the proxy listens on {ports.proxy}-{ports.proxy + most}")
    if ports.app == ports.admin:
        yield Problem(("ports", "admin"), f"{ports.admin} is taken by the app")


def _placement(spec: Spec) -> Iterator[Problem]:
    """A placement without a proxy, or an unknown node."""
    if spec.placement == "node" and not capabilities(spec.mesh).is_proxy:
        yield Problem(("placement",), f"mesh {spec.mesh} has no proxy to place on a node")
    for name, service in spec.services.items():
        for number in service.node or ():
            if spec.placement == "node" and number > spec.nodes:
                valid = "1" if spec.nodes == 1 else f"1 to {spec.nodes}"
                yield Problem(("services", name, "node"), f"no node {number} (valid: {valid}; see nodes)")


def _cycles(spec: Spec) -> Iterator[Problem]:
    """Walk the graph of (service, route) depth first. A call back into the current path never terminates."""
    with suppress(CycleError):
        nodes_bottom_up(spec)
        return
    done: set[Node] = set()
    for start in nodes(spec):
        yield from _circular_calls(spec, start, (start,), done)


def _circular_calls(spec: Spec, node: Node, path: tuple[Node, ...], done: set[Node]) -> Iterator[Problem]:
    if node in done:
        return
    for place, call in calls_from(spec, node):
        callee = callee_of(spec, call)
        if callee in path:
            circle = " -> ".join(map(str, [*path[path.index(callee) :], callee]))
            yield Problem(place, f"circular calls that never terminate: {circle}")
        else:
            yield from _circular_calls(spec, callee, (*path, callee), done)
    done.add(node)
