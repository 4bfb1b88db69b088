"""The lint rules: each finds one kind of likely mistake in a valid topology and describes it in one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from testbed.spec.calls import Call, Fallback
from testbed.spec.durations import format_ms
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.lint.retry_layers import retry_chains
from testbed.spec.lint.timing import Times, policy_time
from testbed.spec.meshes import Capabilities, capabilities
from testbed.spec.policies.policy import Policy
from testbed.spec.problems import FieldPath, Problem
from testbed.spec.routes import Node, callee_of, calls_from, nodes
from testbed.spec.rules.protocols import status_words
from testbed.spec.services import EXPECTED

if TYPE_CHECKING:
    from testbed.spec.spec import Spec

LintRule = Callable[["Spec"], Iterator[Problem]]


def warnings_of(spec: Spec) -> list[Problem]:
    """Return all warnings without duplicates. The place is that of the policy or the call."""
    rules = rules_for(capabilities(spec.mesh))
    return list(dict.fromkeys(problem for rule in rules for problem in rule(spec)))


def rules_for(mesh: Capabilities) -> tuple[LintRule, ...]:
    """Return the rules for a mesh: the common ones, and those that apply to its proxy only."""
    if not mesh.enforces_policies:
        return WITHOUT_PROXY
    return tuple(rule for rule in WITH_PROXY if rule not in OF_SOME_PROXIES or rule.__name__ in mesh.lints)


def unreachable(spec: Spec) -> Iterator[Problem]:
    """Services that no request from the entry can reach."""
    reached = spec.reachable()
    for name in spec.services:
        if name not in reached:
            yield Problem(
                ("services", name), f"{name}: not reachable from the entry {spec.entry}, so it gets no traffic"
            )


def unenforced(spec: Spec) -> Iterator[Problem]:
    """Policies in a topology without proxies."""
    if spec.policies:
        count = len(spec.policies)
        yield Problem(("mesh",), f"mesh {spec.mesh}: there is no proxy to enforce the {count} policies")


def ignored_per_try(spec: Spec) -> Iterator[Problem]:
    """A perTryTimeout that Envoy ignores because it is not shorter than the timeout."""
    for place, policy in _policies(spec):
        given = policy.retries.per_try_timeout if policy.retries else None
        if given and policy.timeout and given >= policy.timeout:
            text = f"perTryTimeout {format_ms(given)} is not shorter than timeout {format_ms(policy.timeout)}"
            yield Problem(place, f"{policy.edge}: {text}, so Envoy ignores it and a slow attempt is never retried")


def cut_short(spec: Spec) -> Iterator[Problem]:
    """Attempts that do not fit into the timeout of their own policy."""
    for place, policy in _policies(spec):
        if policy.per_try and policy.timeout and policy.attempts * policy.per_try > policy.timeout:
            need = f"{policy.attempts} attempts of {format_ms(policy.per_try)} need"
            total = format_ms(policy.attempts * policy.per_try)
            text = f"{need} {total}, but timeout is {format_ms(policy.timeout)}: the last attempts are cut short"
            yield Problem(place, f"{policy.edge}: {text}")


def never_ejects(spec: Spec) -> Iterator[Problem]:
    """An outlierDetection that cannot eject a replica, or whose ejections have no effect."""
    for place, policy in _policies(spec):
        if policy.outlier_detection:
            replicas = spec.services[Edge.parse(policy.edge).callee].replicas
            if reason := _why_no_ejection(policy, replicas):
                yield Problem(place, f"{policy.edge}: outlierDetection can never {reason}")


def _why_no_ejection(policy: Policy, replicas: int) -> str:
    """Say why a policy cannot eject. Envoy >= 1.31 ejects while (ejected + 1) / hosts <= maxEjectionPercent."""
    rule = policy.outlier_detection
    assert rule is not None
    copies = f"{replicas} replica{'s' if replicas > 1 else ''}"
    if not (rule.consecutive_5xx_errors or rule.consecutive_gateway_errors or rule.local_origin_failures):
        return "eject: all of its detectors are off"
    if replicas * rule.max_ejection_percent // 100 == 0 and not rule.always_eject_one_host:
        enough = math.ceil(100 / replicas)
        return f"eject: {rule.max_ejection_percent}% of {copies} is less than one replica (set at least {enough}%)"
    if (replicas - 1) / replicas * 100 < rule.min_health_percent:
        healthy = f"fewer than {rule.min_health_percent}% are healthy"
        return f"help: with one of {copies} ejected, {healthy}, so Envoy uses all again"
    return ""


def without_effect(spec: Spec) -> Iterator[Problem]:
    """Parts of a policy that have no effect because another part is missing."""
    for place, policy in _policies(spec):
        rule = policy.outlier_detection
        if rule and rule.consecutive_local_origin_failures and not rule.split_external_local_origin_errors:
            text = "consecutiveLocalOriginFailures has no effect without splitExternalLocalOriginErrors: true"
            yield Problem(place, f"{policy.edge}: {text}")
        if policy.retries and not policy.retries.attempts and "retry_on" in policy.retries.model_fields_set:
            yield Problem(place, f"{policy.edge}: attempts: 0 means no retries, so retryOn has no effect")
        if policy.retry_budget and policy.attempts == 1:
            yield Problem(place, f"{policy.edge}: retryBudget has no effect: there are no retries")


def only_queues(spec: Spec) -> Iterator[Problem]:
    """A limit on connections that rejects nothing and lets requests wait without limit."""
    for place, policy in _policies(spec):
        limits = policy.circuit_breaker
        bounded = limits and (limits.max_pending_requests is not None or limits.max_requests is not None)
        if limits and limits.max_connections and not bounded and not policy.timeout:
            text = "maxConnections rejects nothing: without maxPendingRequests or timeout, requests wait for ever"
            yield Problem(place, f"{policy.edge}: {text}")


def no_deadline(spec: Spec) -> Iterator[Problem]:
    """An edge that respects a deadline header that no caller sends."""
    for place, policy in _policies(spec):
        caller = Edge.parse(policy.edge).caller
        above = [spec.policy(edge) for edge in spec.edges() if edge.callee == caller and edge.caller != CLIENT]
        if not policy.respect_expected_rq_timeout:
            continue
        service = spec.services[caller]
        if not service.is_own and EXPECTED not in (
            *(header.lower() for header in spec.forward_headers),
            service.deadline,
        ):
            yield Problem(place, f"{policy.edge}: {caller} does not forward {EXPECTED}: add it to forwardHeaders")
        if not any(one and (one.timeout or one.per_try) for one in above):
            yield Problem(place, f"{policy.edge}: no caller of {caller} has a timeout, so it receives no deadline")


def leaks_state_between_tests(spec: Spec) -> Iterator[Problem]:
    """Services with stale fallbacks but no reset path: their stored answers leak into the next test."""
    for name, service in spec.services.items():
        ways = [call.on_failure for _, _, call in service.every_call()]
        if service.reset_path is None and any(isinstance(way, Fallback) and way.stale for way in ways):
            text = f"{name} keeps its stale answers from one test to the next: add a reset path"
            yield Problem(("services", name), text)


def repeated_writes(spec: Spec) -> Iterator[Problem]:
    """Retries of a POST or PATCH that may already have done its work: Envoy does not check idempotency."""
    for node in nodes(spec):
        for place, call in calls_from(spec, node):
            edge = f"{node.service} -> {call.to}"
            why = _repeats(spec.policy(edge), call)
            if call.method in ("POST", "PATCH") and why:
                yield Problem(place, f"{edge}: {call.method} {call.path} is retried {why}, and may be done twice")


def _repeats(policy: Policy | None, call: Call) -> str:
    if call.tries > 1:
        return "by the application"
    return f"on {', '.join(policy.repeats_work)}" if policy and policy.repeats_work else ""


def timeout_inversion(spec: Spec) -> Iterator[Problem]:
    """Callers that give up while the callee is still within its limits. Of equal limits the outer one ends first."""
    times = Times(spec)
    for node in nodes(spec):
        for place, call in calls_from(spec, node):
            policy = spec.policy(f"{node.service} -> {call.to}")
            where = spec.place_of(policy) if policy else place
            if message := _late_answer(times, node, callee_of(spec, call), call, policy):
                yield Problem(where, message)
            if message := _app_before_proxy(node, call, policy, times):
                yield Problem(place, message)


def _late_answer(times: Times, caller: Node, callee: Node, call: Call, policy: Policy | None) -> str:
    patience = min(call.timeout or math.inf, policy.patience if policy else math.inf)
    need = times.route(callee)
    if need < patience or patience == math.inf:
        return ""
    attempt = "an attempt" if policy and policy.per_try == patience else "a call"
    text = f"timeout inversion: {attempt} ends after {format_ms(patience)}, but {callee} can take {format_ms(need)}"
    text = f"{text} by its own limits{_equal(need, patience)}"
    return f"{caller.service} -> {callee.service}: {text}, so its answer or fallback comes too late"


def _equal(need: float, patience: float) -> str:
    return " (equal timeouts: the outer one began earlier)" if need == patience else ""


def _app_before_proxy(caller: Node, call: Call, policy: Policy | None, times: Times) -> str:
    if not (call.timeout and policy):
        return ""
    need = policy_time(policy, 0.0)
    if need < call.timeout:
        return ""
    text = (
        f"{caller.service} itself gives up after {format_ms(call.timeout)}, but its proxy may try for {format_ms(need)}"
    )
    return f"{caller.service} -> {call.to}: timeout inversion: {text}{_equal(need, call.timeout)}"


def retry_amplification(spec: Spec) -> Iterator[Problem]:
    """Retries on several layers: the attempts of the layers multiply."""
    for chain in retry_chains(spec):
        product = math.prod(layer.tries for layer in chain)
        layers = ", ".join(f"{layer.edge} ({layer.tries} attempts)" for layer in chain)
        text = f"retries multiply: {layers}: one request can become {product} attempts at {chain[-1].edge.callee}"
        yield Problem(chain[0].place, f"{chain[0].edge}: {text}")


def unreachable_retry_condition(spec: Spec) -> Iterator[Problem]:
    """Retry conditions that no answer of a gRPC callee can match."""
    for place, policy in _policies(spec):
        if words := status_words(spec, policy):
            text = "gRPC errors are HTTP 200 with a gRPC status: use unavailable, resource-exhausted, internal, ..."
            yield Problem(place, f"{policy.edge}: retryOn {', '.join(words)} never matches on gRPC: {text}")


def _policies(spec: Spec) -> Iterator[tuple[FieldPath, Policy]]:
    for index, policy in enumerate(spec.policies):
        yield ("policies", index), policy


WITH_PROXY: tuple[LintRule, ...] = (
    unreachable,
    ignored_per_try,
    cut_short,
    timeout_inversion,
    retry_amplification,
    never_ejects,
    without_effect,
    unreachable_retry_condition,
    only_queues,
    no_deadline,
    repeated_writes,
    leaks_state_between_tests,
)
OF_SOME_PROXIES: tuple[LintRule, ...] = (ignored_per_try, never_ejects)  # they depend on how the proxy computes
WITHOUT_PROXY: tuple[LintRule, ...] = (unreachable, unenforced, leaks_state_between_tests)
