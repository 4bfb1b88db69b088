"""Translates the policy of one edge into Envoy's configuration: a route and a cluster.

No default of Envoy is used: a missing setting is off (no timeout, no retry, limits at their maximum), as in Istio. A
figure of Istio that cannot be switched off is a constant here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.envoy import bootstrap
from testbed.envoy.bootstrap import Json, duration, named, typed
from testbed.plan.values import ProxyHost
from testbed.spec.policies.policy import ConnectionPool
from testbed.spec.services import EXPECTED

if TYPE_CHECKING:
    from testbed.spec.policies.policy import OutlierDetection, Policy
    from testbed.spec.policies.retries import Retries

STEERING = "testbed_steering"  # the namespace of the headers by which an app overrides its policy
OVERRIDING = tuple(
    f"x-envoy-{name}"
    for name in (
        *("upstream-rq-timeout-ms", "upstream-rq-per-try-timeout-ms", "upstream-stream-duration-ms"),
        *("max-retries", "retry-on", "retry-grpc-on", "retriable-status-codes", "retriable-header-names"),
        *("hedge-on-per-try-timeout", "upstream-rq-timeout-alt-response"),
    )
)
HOST_ATTEMPTS = 5  # as in Istio: how often a retry looks for an untried host
MUTATION = "envoy.filters.http.header_mutation"
_MUTATION = "extensions.filters.http.header_mutation.v3.HeaderMutation"
MERGE_WINDOW = "1s"  # as in Envoy and Istio: of several ejections in one second, only the first takes effect at once
MAX_EJECTION_MS = 300_000.0  # Envoy's maximum for the ejection time, which grows each time


def route(cluster: str, policy: Policy | None) -> Json:
    """Return the route to a cluster: its timeout and its retries."""
    action: Json = {
        "cluster": cluster,
        "timeout": duration(policy.timeout if policy else None),
        "idle_timeout": bootstrap.OFF,
    }
    found: Json = {"match": {"prefix": "/"}, "route": action, "request_headers_to_remove": [bootstrap.ORIGIN]}
    if policy and policy.retries and policy.retries.attempts:
        action["retry_policy"] = _retries(policy.retries)
        action["hedge_policy"] = {"hedge_on_per_try_timeout": policy.retries.hedge_on_per_try_timeout}
    if policy and policy.respect_expected_rq_timeout:
        found["typed_per_filter_config"] = {MUTATION: typed(f"{_MUTATION}PerRoute", mutations=_deadline())}
    return found


def filters() -> list[Json]:
    """Return the filters before the router: one notes the app's own settings, the other needs settings of a route."""
    return [_steering(), named(MUTATION, typed(_MUTATION, mutations={}))]


def _steering() -> Json:
    """Note the headers by which an app overrides its policy: the router uses and removes them."""
    kind = "extensions.filters.http.header_to_metadata.v3.Config"
    rules = [
        {"header": name, "on_header_present": {"metadata_namespace": STEERING, "key": name}} for name in OVERRIDING
    ]
    return named("envoy.filters.http.header_to_metadata", typed(kind, request_rules=rules))


def _deadline() -> Json:
    """Use the caller's remaining time as the timeout, like the router's `respect_expected_rq_timeout`.

    That flag is for a listener, so it would apply to all edges of a caller; this is for one route.
    """
    header = {"key": "x-envoy-upstream-rq-timeout-ms", "value": f"%REQ({EXPECTED})%"}
    return {"request_mutations": [{"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}]}


def _retries(retries: Retries) -> Json:
    codes = [int(word) for word in map(str, retries.retry_on) if word.isdigit()]
    words = [word for word in map(str, retries.retry_on) if not word.isdigit()]
    if codes and "retriable-status-codes" not in words:
        words.append("retriable-status-codes")
    found: Json = {
        "retry_on": ",".join(words),
        "num_retries": retries.attempts,
        "retriable_status_codes": codes,
        "retry_back_off": {
            "base_interval": duration(retries.backoff.base),
            "max_interval": duration(retries.backoff.max),
        },
    }
    if retries.per_try_timeout is not None:
        found["per_try_timeout"] = duration(retries.per_try_timeout)
    if retries.retry_ignore_previous_hosts:
        kind = "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
        found["retry_host_predicate"] = [named("envoy.retry_host_predicates.previous_hosts", typed(kind))]
        found["host_selection_retry_max_attempts"] = retries.host_selection_retry_max_attempts or HOST_ATTEMPTS
    return found


def cluster(name: str, host: ProxyHost, addresses: list[str], policy: Policy | None, protocol: str = "http") -> Json:
    """Return the cluster of an edge: its limits, its ejections, its balancer, its connections, its protocol."""
    outliers = policy.outlier_detection if policy else None
    pool = (policy.connection_pool if policy else None) or ConnectionPool()
    found: Json = {
        "name": name,
        "type": "STATIC",
        "lb_policy": (policy.load_balancer if policy else None) or "ROUND_ROBIN",
        "connect_timeout": duration(pool.connect_timeout),
        "load_assignment": bootstrap.endpoints(name, addresses),
        "upstream_bind_config": {"source_address": {"address": host.address, "port_value": 0}},
        "circuit_breakers": _limits(policy),
        "common_lb_config": {
            "healthy_panic_threshold": {"value": outliers.min_health_percent if outliers else 0},
            "update_merge_window": MERGE_WINDOW,
        },
        "typed_extension_protocol_options": bootstrap.upstream_options(
            _connections(pool), explicit_http_config=_spoken(protocol)
        ),
    }
    if outliers:
        found["outlier_detection"] = _outliers(outliers)
    return found


def _spoken(protocol: str) -> Json:
    """The protocol between Envoy and the callee; without TLS it cannot be negotiated."""
    return (
        {"http_protocol_options": bootstrap.HTTP1}
        if protocol == "http"
        else {"http2_protocol_options": bootstrap.HTTP2}
    )


def _limits(policy: Policy | None) -> Json:
    breaker, budget = (policy.circuit_breaker, policy.retry_budget) if policy else (None, None)
    found = bootstrap.thresholds(**(breaker.model_dump() if breaker else {}))
    if budget:
        share = {"value": budget.percent}
        found["retry_budget"] = {"budget_percent": share, "min_retry_concurrency": budget.min_retry_concurrency}
    return {"thresholds": [found]}


def _connections(pool: ConnectionPool) -> Json:
    found: Json = {"idle_timeout": duration(pool.idle_timeout)}
    if pool.max_requests_per_connection is not None:
        found["max_requests_per_connection"] = pool.max_requests_per_connection
    if pool.max_connection_duration is not None:
        found["max_connection_duration"] = duration(pool.max_connection_duration)
    return found


def _outliers(outliers: OutlierDetection) -> Json:
    """Zero or no number switches a detector off; statistical detectors are off, as in Istio."""
    return {
        **_detector("consecutive_5xx", outliers.consecutive_5xx_errors),
        **_detector("consecutive_gateway_failure", outliers.consecutive_gateway_errors),
        **_detector("consecutive_local_origin_failure", outliers.local_origin_failures),
        "split_external_local_origin_errors": outliers.split_external_local_origin_errors,
        **{f"enforcing_{name}": 0 for name in ("success_rate", "local_origin_success_rate", "failure_percentage")},
        "interval": duration(outliers.interval),
        "base_ejection_time": duration(outliers.base_ejection_time),
        "max_ejection_time": duration(max(MAX_EJECTION_MS, outliers.base_ejection_time)),
        "max_ejection_percent": outliers.max_ejection_percent,
        "always_eject_one_host": outliers.always_eject_one_host,
    }


def _detector(name: str, errors: int | None) -> Json:
    return {name: errors or 0, f"enforcing_{name}": 100 if errors else 0}
