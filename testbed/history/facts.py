"""The facts of a recorded topology (JSON data, as in RunInfo): edges, replicas, policies and fallbacks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from testbed.spec.edges import CLIENT, normal_edge


@dataclass(frozen=True)
class Budget:
    """A retry budget: a share of the requests, and a number that is always allowed."""

    percent: float
    floor: int

    def share(self, requests: int) -> float:
        """Return the number of retries for this number of requests, without the floor."""
        return self.percent * requests / 100


@dataclass(frozen=True)
class TopologyFacts:
    """The facts of a topology that a verdict may name. An empty topology has none."""

    entry: str = ""
    edges: tuple[str, ...] = ()
    replicas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # service -> replica names
    policies: Mapping[str, str] = field(default_factory=dict)  # edge -> the policy as one line of YAML
    budgets: Mapping[str, Budget] = field(default_factory=dict)  # edge -> retries under way at once, by its policy
    refusing: frozenset[str] = frozenset()  # edges with a policy by which the caller's proxy can refuse a call
    pools: Mapping[str, float] = field(default_factory=dict)  # edge -> most connections, where a policy limits waiting
    without_inlet: frozenset[str] = frozenset()  # edges with requestFaults: off, where no arrival is recorded
    protocols: Mapping[str, str] = field(default_factory=dict)  # edge -> what it carries: "http", "grpc", ...
    fallbacks: frozenset[str] = frozenset()  # every fallback of a stub
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # custom services -> their commands
    context: tuple[str, ...] = ("baggage",)  # headers that carry a request's id, user and cohort
    recorded_headers: frozenset[str] = frozenset()  # of answers, in small letters
    keys: frozenset[str] = frozenset()  # headers of requests that are recorded at the inlet, in small letters
    patience_ms: float = math.inf  # the shortest timeout of all policies

    def is_tcp(self, edge: str) -> bool:
        """Whether an edge carries tcp, where single requests are not visible."""
        return self.protocols.get(edge) == "tcp"


def facts_of(topology: Mapping[str, object]) -> TopologyFacts:
    """Read the facts. Keys may be in camelCase or snake_case, durations may be texts or milliseconds."""
    services = {name: _mapping(service) for name, service in _mapping(topology.get("services")).items()}
    calls = {name: list(_calls_of(service)) for name, service in services.items()}
    entry = str(topology.get("entry") or "")
    edges = [f"{CLIENT} -> {entry}"] if entry else []
    edges += [f"{name} -> {call['to']}" for name, found in calls.items() for call in found]
    settings = _mapping(topology.get("edges"))
    policies = [_mapping(policy) for policy in _sequence(topology.get("policies"))]
    return TopologyFacts(
        entry=entry,
        edges=tuple(dict.fromkeys(edges)),
        replicas={name: _replicas(name, service) for name, service in services.items()},
        policies={normal_edge(str(policy.get("edge"))): _policy_text(policy) for policy in policies},
        budgets={normal_edge(str(policy.get("edge"))): b for policy in policies if (b := _budget(policy))},
        refusing=frozenset(normal_edge(str(policy.get("edge"))) for policy in policies if _can_refuse(policy)),
        pools={normal_edge(str(policy.get("edge"))): most for policy in policies if (most := _connections(policy))},
        without_inlet=frozenset(normal_edge(edge) for edge, how in settings.items() if _no_inlet(_mapping(how))),
        protocols={edge: str(services.get(edge.partition(" -> ")[2], {}).get("protocol", "http")) for edge in edges},
        fallbacks=frozenset(name for found in calls.values() for call in found if (name := _fallback(call))),
        own={name: _command(service) for name, service in services.items() if any(map(service.get, _OWN))},
        context=("baggage", *map(str, _sequence(topology.get("contextHeaders") or topology.get("context")))),
        recorded_headers=frozenset(map(str.lower, (*_RECORDED, *map(str, _sequence(topology.get("answerHeaders")))))),
        keys=frozenset(map(str.lower, (*_KEYS, *_names(topology, "effectKeys"), *_names(topology, "effectFields")))),
        patience_ms=min((ms for policy in policies for ms in _timeouts(policy)), default=math.inf),
    )


_KEYS = ("idempotency-key", "grpc-previous-rpc-attempts")  # as in `testbed.spec.spec`
_RECORDED = ("location", "retry-after")  # as in `testbed.spec.spec`
_OWN = ("command", "image", "address")


def _names(topology: Mapping[str, object], key: str) -> Sequence[str]:
    return [str(name) for name in _sequence(topology.get(key))]


def of_the_load(edge: str) -> bool:
    """Whether the load is the caller of an edge; it has no proxy and no retries."""
    return edge.startswith(f"{CLIENT} -> ")


def _replicas(name: str, service: Mapping[str, object]) -> tuple[str, ...]:
    count = service.get("replicas", 1)
    return tuple(f"{name}-{number}" for number in range(1, (count if isinstance(count, int) else 1) + 1))


def _command(service: Mapping[str, object]) -> tuple[str, ...]:
    """Return the words of what starts and builds it; they show its language."""
    given = [service.get(key) for key in ("command", "build", "image")]
    return tuple(word for one in given for word in map(str, _sequence(one) or ([one] if one else [])))


def _calls_of(service: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Every call of a service and of its routes, including fallback calls."""
    for route in (service, *_mapping(service.get("routes")).values()):
        for step in _sequence(_mapping(route).get("calls")):
            yield from _calls_in(step)


def _calls_in(step: object) -> Iterator[Mapping[str, object]]:
    if isinstance(step, str):
        yield {"to": step}
        return
    found = _mapping(step)
    for one in _sequence(found.get("parallel")):
        yield from _calls_in(one)
    if "to" in found:
        yield found
        yield from _calls_in(_on_failure(found).get("call"))


def _fallback(call: Mapping[str, object]) -> str:
    return str(_on_failure(call).get("fallback") or "")


def _on_failure(call: Mapping[str, object]) -> Mapping[str, object]:
    return _mapping(call.get("onFailure", call.get("on_failure")))


def _policy_text(policy: Mapping[str, object]) -> str:
    """Return a policy as one line of YAML, without the settings that are off."""
    return _flow("", {key: value for key, value in policy.items() if key != "edge"})


def _budget(policy: Mapping[str, object]) -> Budget | None:
    """Return the budget for retries under way at once: Envoy's retry budget replaces maxRetries."""
    budget = _mapping(policy.get("retryBudget", policy.get("retry_budget")))
    if budget:
        floor = budget.get("minRetryConcurrency", budget.get("min_retry_concurrency", 3))
        return Budget(_number(budget.get("percent", 20.0)), int(_number(floor)))
    breaker = _mapping(policy.get("circuitBreaker", policy.get("circuit_breaker")))
    most = breaker.get("maxRetries", breaker.get("max_retries"))
    return None if most is None else Budget(0.0, int(_number(most)))


def _no_inlet(settings: Mapping[str, object]) -> bool:
    return settings.get("requestFaults", settings.get("request_faults")) is False


def _can_refuse(policy: Mapping[str, object]) -> bool:
    """Whether a policy ejects hosts, or limits more than retries."""
    limits = _mapping(policy.get("circuitBreaker", policy.get("circuit_breaker")))
    limited = any(value is not None and key not in ("maxRetries", "max_retries") for key, value in limits.items())
    return limited or bool(policy.get("outlierDetection", policy.get("outlier_detection")))


def _connections(policy: Mapping[str, object]) -> float:
    """Return the most connections of a pool whose policy limits them or the requests that wait, 0 without a limit."""
    limits = _mapping(policy.get("circuitBreaker", policy.get("circuit_breaker")))
    most = limits.get("maxConnections", limits.get("max_connections"))
    waiting = limits.get("maxPendingRequests", limits.get("max_pending_requests"))
    return _number(most) if most is not None else 0.0 if waiting is None else math.inf


def _timeouts(policy: Mapping[str, object]) -> Iterator[float]:
    """Yield the timeouts of a policy in milliseconds, if they are recorded as numbers."""
    retries = _mapping(policy.get("retries"))
    given = (policy.get("timeout"), retries.get("perTryTimeout", retries.get("per_try_timeout")))
    yield from (ms for value in given if (ms := _number(value)) > 0)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


_DURATIONS = {"timeout", "perTryTimeout", "base", "max", "interval", "baseEjectionTime"}
_DURATIONS |= {"connectTimeout", "idleTimeout", "maxConnectionDuration"}
_ON = {"retryIgnorePreviousHosts"}  # on by default; every other switch is off by default


def _flow(key: str, value: object) -> str:
    if isinstance(value, Mapping):
        cased = {_camel(str(name)): inner for name, inner in value.items() if inner not in (None, [], {})}
        named = {name: inner for name, inner in cased.items() if inner is not False or name in _ON}
        return "{" + ", ".join(f"{name}: {_flow(name, inner)}" for name, inner in named.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(key, inner) for inner in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _duration(value) if key in _DURATIONS else f"{value:g}"
    return str(value)


def _duration(ms: float) -> str:
    return f"{ms / 1000:g}s" if ms >= 1000 else f"{ms:g}ms"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()
