"""The service graph as a tree or a Mermaid diagram; each edge with its policy and its fallback."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.spec.calls import Call, Fallback
from testbed.spec.durations import format_ms
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.policies.policy import CircuitBreaker, ConnectionPool, OutlierDetection, Policy
from testbed.spec.policies.retries import Retries
from testbed.spec.topology import Topology


def policy_summary(topology: Topology, edge: str) -> str:
    """Return the policy of an edge in words: "timeout 500ms, 2 retries = 3 attempts of 150ms"."""
    policy = topology.policy(edge)
    parts = [] if policy is None else list(_policy_parts(policy))
    return ", ".join(parts) or "no policy"


def edge_summary(topology: Topology, edge: str) -> str:
    """Return the protocol, policy and fallbacks of an edge: "grpc; timeout 300ms; on failure: fallback guest"."""
    parsed, protocol = Edge.parse(edge), topology.protocol(edge)
    ways = [] if parsed.caller == CLIENT else _failure_handling(topology, parsed.caller, parsed.callee)
    return "; ".join([*([] if protocol == "http" else [protocol]), policy_summary(topology, edge), *ways])


def tree(topology: Topology) -> str:
    """Return the graph as an indented tree from the entry on. The calls of a service are shown once."""
    unfolded: set[str] = set()
    lines = [_title(topology, topology.entry), *_branches(topology, topology.entry, "", unfolded)]
    uncalled = [name for name in topology.services if name not in topology.reachable()]
    lines += [f"{_title(topology, name)}  (no callers)" for name in uncalled]
    return "\n".join(lines + placement(topology))


def placement(topology: Topology) -> list[str]:
    """Return a line for each node with its replicas; nothing where placement is sidecar."""
    nodes: dict[str, list[str]] = {}
    for service in topology.services:
        for number, replica in enumerate(topology.replica_names(service), 1):
            nodes.setdefault(topology.node_of(service, number), []).append(replica)
    return [f"{name}: {', '.join(nodes[name])}" for name in sorted(nodes, key=lambda name: (len(name), name)) if name]


_MERMAID = frozenset(("class", "click", "default", "direction", "end", "flowchart", "graph", "style", "subgraph"))


def mermaid(topology: Topology) -> str:
    """Return the graph as a Mermaid flowchart; node ids are the service names, apart from words of Mermaid."""
    nodes = [f'  {_node(name)}["{_title(topology, name)}"]' for name in topology.services]
    edges = [
        f'  {_node(e.caller)} -->|"{policy_summary(topology, str(e))}"| {_node(e.callee)}' for e in topology.edges()
    ]
    notes = [f"  %% {line}" for line in placement(topology)]
    return "\n".join(["flowchart LR", f'  {CLIENT}(("{CLIENT}"))', *nodes, *edges, *notes])


def _node(name: str) -> str:
    return f"{name}_" if name in _MERMAID else name


def _title(topology: Topology, name: str) -> str:
    service = topology.services[name]
    kind = f"external, {service.address}" if service.address else service.kind
    return f"{name} ({kind})" if service.replicas == 1 else f"{name} ({kind} x{service.replicas})"


def _branches(topology: Topology, caller: str, indent: str, unfolded: set[str]) -> Iterator[str]:
    if caller in unfolded:
        return
    unfolded.add(caller)
    callees = topology.upstreams(caller)
    for place, callee in enumerate(callees, 1):
        corner, rule = ("└─ ", "   ") if place == len(callees) else ("├─ ", "│  ")
        seen = "; shown above" if callee in unfolded and topology.upstreams(callee) else ""
        yield f"{indent}{corner}{_title(topology, callee)}: {edge_summary(topology, str(Edge(caller, callee)))}{seen}"
        yield from _branches(topology, callee, indent + rule, unfolded)


def _failure_handling(topology: Topology, caller: str, callee: str) -> list[str]:
    calls = (call for _, _, call in topology.services[caller].every_call() if call.to == callee)
    return list(dict.fromkeys(text for call in calls if (text := _on_failure(call))))


def _on_failure(call: Call) -> str:
    if isinstance(call.on_failure, Fallback):
        return f"on failure: fallback {call.on_failure.fallback}"
    return "on failure: ignored" if call.on_failure == "ignore" else ""


def _policy_parts(policy: Policy) -> Iterator[str]:
    if policy.timeout:
        yield f"timeout {format_ms(policy.timeout)}"
    if policy.respect_expected_rq_timeout:
        yield "timeout from the request's deadline header, if it has one"
    if policy.retries and policy.retries.attempts:
        yield _retries(policy, policy.retries)
    if policy.retry_budget:
        budget = policy.retry_budget
        yield f"at most {budget.percent:g} % retries (or {budget.min_retry_concurrency})"
    if policy.circuit_breaker:
        yield "limits " + _listed(policy.circuit_breaker)
    if policy.outlier_detection:
        yield _ejection(policy.outlier_detection)
    if policy.connection_pool:
        yield "connections " + _listed(policy.connection_pool)
    if policy.load_balancer:
        yield policy.load_balancer


def _retries(policy: Policy, retries: Retries) -> str:
    kind = f"{retries.attempts} {'retry' if retries.attempts == 1 else 'retries'} = {policy.attempts} attempts"
    if policy.hedged:
        return f"{kind}, one every {format_ms(policy.per_try or 0)} (hedged)"
    return f"{kind} of {format_ms(policy.per_try)}" if policy.per_try else kind


def _ejection(rule: OutlierDetection) -> str:
    """Write the active detectors and the maximum share of ejected replicas."""
    counts = {
        "errors": rule.consecutive_5xx_errors,
        "gateway errors": rule.consecutive_gateway_errors,
        "local failures": rule.local_origin_failures,
    }
    after = " or ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "no failures"
    cap = "at least one, " if rule.always_eject_one_host else ""
    panic = f", all replicas used below {rule.min_health_percent} % healthy" if rule.min_health_percent else ""
    most = f"({cap}at most {rule.max_ejection_percent} %{panic})"
    return f"ejects after {after} for {format_ms(rule.base_ejection_time)} {most}"


def _listed(model: CircuitBreaker | ConnectionPool) -> str:
    """Write the keys that were set, with durations as in YAML."""
    fields = type(model).model_fields
    values = {name: getattr(model, name) for name in fields if name in model.model_fields_set}
    texts = {n: format_ms(v) if isinstance(v, float) else str(v) for n, v in values.items() if v is not None}
    return " ".join(f"{fields[name].alias} {text}" for name, text in texts.items())
