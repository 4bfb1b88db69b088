"""A sidecar for every calling replica: one Envoy that holds the policies of the edges that begin there.

Nothing is left to Envoy's defaults: what a policy does not say is off (no time-out, no retry, limits at their maximum),
as a developer who knows Istio expects. Where Istio itself has a figure that cannot be switched off, it is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed import envoy
from testbed.envoy import Json, duration, named, typed
from testbed.evidence.envoy import SidecarLog
from testbed.evidence.log import Log
from testbed.mesh import ATTEMPTS, CALLS, address_variables, upstreams
from testbed.plan import File, Link, Process, Ready, Replica

if TYPE_CHECKING:
    from testbed.model.topology import OutlierDetection, Policy, Retries, Topology

CONNECT_TIMEOUT = "10s"  # Istio's; the time between SYN and its answer
DELAYED_CLOSE = "1s"  # Envoy's and Istio's: so much later the app learns that an answer broke off in its body
HOST_ATTEMPTS = 5  # Istio's: how often a retry looks for a host that has not been tried
MERGE_WINDOW = "1s"  # Envoy's and Istio's: of several ejections within a second, all but the first take effect after it
MAX_EJECTION_MS = 300_000.0  # Envoy's cap on a host's ejection, which grows each time

FIELDS = {
    "connection": "%CONNECTION_ID%",
    "baggage": "%REQ(BAGGAGE)%",
    "service": "%UPSTREAM_CLUSTER%",
    "start": "%START_TIME(%s.%6f)%",  # of the try in an attempt line, of the call in a call line
    "end": "%EMIT_TIME(%s.%6f)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
}
ATTEMPT_FIELDS = {"kind": "attempt", "host": "%UPSTREAM_HOST%", "number": "%REQ(X-ENVOY-ATTEMPT-COUNT)%"} | FIELDS
CALL_FIELDS = {"kind": "call", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "host": "%REQ(:AUTHORITY)%"} | FIELDS


def mesh_log(replica: str) -> str:
    """Return the path of a sidecar's log, below the run's folder."""
    return f"{replica}/mesh.log"


class EnvoySidecars:
    """Implements `testbed.mesh.Mesh`."""

    name = "envoy"
    sources = (ATTEMPTS, CALLS)

    def proxy(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return the sidecar; a replica that calls nobody has none."""
        if not links:
            return None
        ports, config = topology.ports, f"{replica.name}/envoy.json"
        admin = f"{replica.address}:{ports.admin}"
        listens = (admin, *(f"{replica.address}:{ports.proxy + i}" for i in range(len(upstreams(links)) + 1)))
        process = Process(
            f"{replica.name}/proxy",
            "proxy",
            envoy.command(config),
            Ready(f"http://{admin}/ready"),
            listens,
            replica=replica.name,
        )
        return process, [File(config, sidecar_config(topology, replica, links))]

    def log(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> Log | None:
        """Return the sidecar's log, whose lines its own counters must match."""
        if not links:
            return None
        admin = f"{replica.address}:{topology.ports.admin}"
        return Log(f"{replica.name}/proxy", mesh_log(replica.name), lambda: SidecarLog(links).read, links, admin)

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return both ways in: HTTP_PROXY, and a listener for each upstream."""
        if not links:
            return {}
        found = {"HTTP_PROXY": f"http://{replica.address}:{topology.ports.proxy}"}
        for number, service in enumerate(upstreams(links), 1):
            found |= address_variables(service, f"{replica.address}:{topology.ports.proxy + number}")
        return found


def sidecar_config(topology: Topology, replica: Replica, links: Sequence[Link]) -> str:
    """Return the sidecar's whole configuration as JSON text."""
    services = upstreams(links)
    routes = {name: _route(name, topology.policy(leading[0].edge)) for name, leading in services.items()}
    hosts = [_virtual_host(name, [name], [route]) for name, route in routes.items()]
    listeners = [_listener("proxy", replica, topology.ports.proxy, [*hosts, _nobody(routes)])]
    for number, (name, route) in enumerate(routes.items(), 1):
        port = topology.ports.proxy + number
        listeners.append(_listener(name, replica, port, [_virtual_host(name, ["*"], [route])]))
    clusters = [
        _cluster(name, replica, [link.listen for link in leading], topology.policy(leading[0].edge))
        for name, leading in services.items()
    ]
    return envoy.bootstrap(f"{replica.address}:{topology.ports.admin}", listeners, clusters)


def _listener(name: str, replica: Replica, port: int, hosts: list[Json]) -> Json:
    log = f"{{dir}}/{mesh_log(replica.name)}"
    manager = envoy.connection_manager(
        delayed_close_timeout=DELAYED_CLOSE,
        **envoy.trusting(),
        route_config={"ignore_port_in_host_matching": True, "virtual_hosts": hosts},
        http_filters=[_router(log)],
        access_log=[envoy.json_log(log, CALL_FIELDS)],
    )
    return {
        "name": name,
        "address": envoy.socket_address(f"{replica.address}:{port}"),
        "enable_reuse_port": False,  # with it, an address in use would go unnoticed
        "filter_chains": [{"filters": [manager]}],
    }


def _router(log: str) -> Json:
    attempts = [envoy.json_log(log, ATTEMPT_FIELDS)]
    kind = "extensions.filters.http.router.v3.Router"
    return named("envoy.filters.http.router", typed(kind, upstream_log=attempts))


def _virtual_host(name: str, domains: list[str], routes: list[Json]) -> Json:
    return {"name": name, "domains": domains, "include_request_attempt_count": True, "routes": routes}


def _nobody(known: dict[str, Json]) -> Json:
    text = f"this sidecar knows no service %REQ(:AUTHORITY)%; it knows {', '.join(known)}\n"
    answer = {"status": 404, "body_format": {"text_format_source": {"inline_string": text}}}
    return _virtual_host("nobody", ["*"], [{"match": {"prefix": "/"}, "direct_response": answer}])


def _route(service: str, policy: Policy | None) -> Json:
    action: Json = {
        "cluster": service,
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


def _cluster(service: str, replica: Replica, addresses: list[str], policy: Policy | None) -> Json:
    breaker = policy.circuit_breaker if policy else None
    outliers = policy.outlier_detection if policy else None
    cluster: Json = {
        "name": service,
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": envoy.endpoints(service, addresses),
        "upstream_bind_config": {"source_address": {"address": replica.address, "port_value": 0}},
        "circuit_breakers": envoy.thresholds(**(breaker.model_dump() if breaker else {})),
        "common_lb_config": {
            "healthy_panic_threshold": {"value": outliers.min_health_percent if outliers else 0},
            "update_merge_window": MERGE_WINDOW,
        },
        "typed_extension_protocol_options": envoy.upstream_options(explicit_http_config={"http_protocol_options": {}}),
    }
    if outliers:
        cluster["outlier_detection"] = _outliers(outliers)
    return cluster


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
