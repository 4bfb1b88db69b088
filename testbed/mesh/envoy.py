"""A sidecar for every calling replica: one Envoy that holds the policies of the edges that begin there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed import envoy
from testbed.envoy import Json, named, typed
from testbed.evidence.envoy import SidecarLog
from testbed.evidence.log import Log
from testbed.mesh import ATTEMPTS, CALLS, address_variables, upstreams
from testbed.mesh.envoy_policies import cluster, route
from testbed.plan import File, Link, Process, Ready, Replica

if TYPE_CHECKING:
    from testbed.model.topology import Topology

DELAYED_CLOSE = "1s"  # Envoy's and Istio's: so much later the app learns that an answer broke off in its body

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
    routes = {name: route(name, topology.policy(leading[0].edge)) for name, leading in services.items()}
    hosts = [_virtual_host(name, [name], [found]) for name, found in routes.items()]
    listeners = [_listener("proxy", replica, topology.ports.proxy, [*hosts, _nobody(routes)])]
    for number, (name, found) in enumerate(routes.items(), 1):
        port = topology.ports.proxy + number
        listeners.append(_listener(name, replica, port, [_virtual_host(name, ["*"], [found])]))
    clusters = [
        cluster(name, replica, [link.listen for link in leading], topology.policy(leading[0].edge))
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
