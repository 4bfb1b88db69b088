"""What the policy of one edge is in Envoy's words: a route and a cluster.

Nothing is left to Envoy's defaults: what a policy does not say is off (no time-out, no retry, limits at their maximum),
as a developer who knows Istio expects. Where Istio itself has a figure that cannot be switched off, it is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed import envoy
from testbed.envoy import Json, duration, named, typed
from testbed.plan import Seat

if TYPE_CHECKING:
    from testbed.model.topology import OutlierDetection, Policy, Retries

CONNECT_TIMEOUT = "10s"  # Istio's; the time between SYN and its answer
HOST_ATTEMPTS = 5  # Istio's: how often a retry looks for a host that has not been tried
MERGE_WINDOW = "1s"  # Envoy's and Istio's: of several ejections within a second, all but the first take effect after it
MAX_EJECTION_MS = 300_000.0  # Envoy's cap on a host's ejection, which grows each time


def route(cluster: str, policy: Policy | None) -> Json:
    """Return the route to a cluster: its time-out and its retries."""
    action: Json = {
        "cluster": cluster,
        "timeout": duration(policy.timeout if policy else None),
        "idle_timeout": envoy.OFF,
    }
    if policy and policy.retries and policy.retries.attempts:
        action["retry_policy"] = _retries(policy.retries)
    return {"match": {"prefix": "/"}, "route": action, "request_headers_to_remove": [envoy.ORIGIN]}


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
        found["host_selection_retry_max_attempts"] = HOST_ATTEMPTS
    return found


def cluster(name: str, seat: Seat, addresses: list[str], policy: Policy | None) -> Json:
    """Return the cluster of an edge: its limits, its ejections, its connections."""
    breaker = policy.circuit_breaker if policy else None
    outliers = policy.outlier_detection if policy else None
    found: Json = {
        "name": name,
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": envoy.endpoints(name, addresses),
        "upstream_bind_config": {"source_address": {"address": seat.address, "port_value": 0}},
        "circuit_breakers": envoy.thresholds(**(breaker.model_dump() if breaker else {})),
        "common_lb_config": {
            "healthy_panic_threshold": {"value": outliers.min_health_percent if outliers else 0},
            "update_merge_window": MERGE_WINDOW,
        },
        "typed_extension_protocol_options": envoy.upstream_options(explicit_http_config={"http_protocol_options": {}}),
    }
    if outliers:
        found["outlier_detection"] = _outliers(outliers)
    return found


def _outliers(outliers: OutlierDetection) -> Json:
    """Zero or no number switches a detector off; statistical detectors are off, as in Istio."""
    errors, gateway = outliers.consecutive_5xx_errors, outliers.consecutive_gateway_errors
    return {
        "consecutive_5xx": errors or 0,
        "enforcing_consecutive_5xx": 100 if errors else 0,
        "consecutive_gateway_failure": gateway or 0,
        "enforcing_consecutive_gateway_failure": 100 if gateway else 0,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "interval": duration(outliers.interval),
        "base_ejection_time": duration(outliers.base_ejection_time),
        "max_ejection_time": duration(max(MAX_EJECTION_MS, outliers.base_ejection_time)),
        "max_ejection_percent": outliers.max_ejection_percent,
        "always_eject_one_host": False,
    }
