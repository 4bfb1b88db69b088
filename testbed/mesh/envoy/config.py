"""An Envoy beside every calling replica, or one for all replicas of a node, with the policies of their edges.

The Envoy of a node listens on the address of each replica, so the address identifies the caller. It has one cluster
for each edge, so the replicas of the calling service share its connection pool, limits and ejections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed.envoy import bootstrap
from testbed.envoy.bootstrap import Json, named, typed
from testbed.envoy.readback import config_drift
from testbed.envoy.validate import rejection
from testbed.evidence.source import Log
from testbed.mesh.envoy.log import ProxyLog, unsent
from testbed.mesh.envoy.monitor import EnvoyMonitor, counts
from testbed.mesh.envoy.policies import STEERING, cluster, filters, route
from testbed.mesh.envoy.tcp import tcp
from testbed.plan.values import UNDER_WAY_MS, File, Link, Node, Process, ProxyHost, Ready, Replica, links_from
from testbed.plan.wiring import address_variables, upstreams
from testbed.spec.meshes import MESHES

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

FOR_ALL, UNKNOWN = (
    "HTTP_PROXY",
    "UNKNOWN",
)  # no service has these names: theirs are in small letters
DELAYED_CLOSE = "1s"  # default of Envoy and Istio: the app sees a broken answer body this much later

FIELDS = {
    "type": "%ACCESS_LOG_TYPE%",  # lines of requests under way come at intervals
    "connection": "%CONNECTION_ID%",  # or of the call, see `_manager`
    "baggage": "%REQ(BAGGAGE)%",
    "service": "%UPSTREAM_CLUSTER%",
    "start": "%START_TIME(%s.%6f)%",  # of the attempt in an attempt line, of the call in a call line
    "end": "%EMIT_TIME(%s.%6f)%",
    "status": "%RESPONSE_CODE%",
    "grpc": "%GRPC_STATUS_NUMBER%",  # null if the request is not gRPC
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
}
ATTEMPT_FIELDS = {"kind": "attempt", "host": "%UPSTREAM_HOST%", "number": "%REQ(X-ENVOY-ATTEMPT-COUNT)%"} | FIELDS
HANDED_ON = ("x-request-id", "x-ot-span-context")  # the load sends the id in them; an app takes any text in them
REQUESTS: Json = {
    "sent": "%BYTES_RECEIVED%",
    "steering": f"%DYNAMIC_METADATA({STEERING})%",
    "handed_on": {name: f"%REQ({name.upper()})%" for name in HANDED_ON},
}
CALL_FIELDS = {"kind": "call", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "host": "%REQ(:AUTHORITY)%"} | FIELDS


def mesh_log(host: str) -> str:
    """Return the path of a proxy's log, below the run's folder."""
    return f"{host}/mesh.log"


class EnvoyMesh:
    """Implements `testbed.mesh.Mesh`."""

    name = "envoy"
    capabilities = MESHES[name]
    monitor = EnvoyMonitor()

    def proxy(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> tuple[Process, list[File]] | None:
        """Return the proxy; None if its replicas make no calls."""
        if not links:
            return None
        config, admin = f"{host.name}/envoy.json", f"{host.address}:{topology.ports.admin}"
        listens = (
            address
            for replica in host.replicas
            for address in _listen_addresses(topology, replica, links_from(replica, links))
        )
        process = Process(
            f"{host.name}/proxy",
            "proxy",
            bootstrap.command(config),
            Ready(f"http://{admin}/ready"),
            (admin, *listens),
            replica=None if isinstance(host, Node) else host.name,
            reached=(admin,),
        )
        return process, [File(config, proxy_config(topology, host, links))]

    def log(self, topology: Topology, host: ProxyHost, links: Sequence[Link]) -> Log | None:
        """Return the log of the proxy; its lines must match its counters."""
        if not links:
            return None
        admin = f"{host.address}:{topology.ports.admin}"
        path, process = mesh_log(host.name), f"{host.name}/proxy"
        return Log(process, path, lambda life: ProxyLog(links, life).read, links, admin, counts, unsent)

    def wiring(self, topology: Topology, replica: Replica, links: Sequence[Link]) -> dict[str, str]:
        """Return the addresses for the app: HTTP_PROXY, and a listener for each upstream."""
        if not links:
            return {}
        found = {"HTTP_PROXY": f"http://{replica.address}:{topology.ports.proxy}"}
        for number, service in enumerate(upstreams(links), 1):
            found |= address_variables(service, f"{replica.address}:{topology.ports.proxy + number}")
        return found

    def drift(self, admin: str, expected: str) -> str:
        """Return the difference between the running Envoy and this JSON text, in words; "" if none."""
        return config_drift(admin, expected)

    def explain_rejection(self, config: str) -> str:
        """Return Envoy's error for this JSON text, "" if it is valid."""
        return rejection(config)


MESH = EnvoyMesh


def _listen_addresses(topology: Topology, replica: Replica, links: Sequence[Link]) -> tuple[str, ...]:
    """Every "ip:port" that accepts calls of a replica: HTTP_PROXY first, then each upstream's."""
    ports = range(topology.ports.proxy, topology.ports.proxy + len(upstreams(links)) + 1) if links else ()
    return tuple(f"{replica.address}:{port}" for port in ports)


def proxy_config(topology: Topology, host: ProxyHost, links: Sequence[Link]) -> str:
    """Return the proxy's whole configuration as JSON text."""
    edges: dict[str, list[str]] = {}
    for link in links:
        edges.setdefault(link.edge, []).append(link.listen)
    clusters = [
        cluster(cluster_name(host, edge), host, addresses, topology.policy(edge), topology.protocol(edge))
        for edge, addresses in edges.items()
    ]
    listeners = [listener for replica in host.replicas for listener in _listeners(topology, host, replica, links)]
    return bootstrap.bootstrap(f"{host.address}:{topology.ports.admin}", listeners, clusters)


def cluster_name(host: ProxyHost, edge: str) -> str:
    """Return a cluster's name: "pricing" in a sidecar, "checkout.pricing" on a node with several callers."""
    caller, _, callee = edge.partition(" -> ")
    return _owned(host, caller, callee)


def _owned(host: ProxyHost, owner: str, name: str) -> str:
    return f"{owner}.{name}" if isinstance(host, Node) else name


def _listeners(topology: Topology, host: ProxyHost, replica: Replica, links: Sequence[Link]) -> list[Json]:
    """The listeners of one replica: HTTP_PROXY, and one for each upstream."""
    mine = links_from(replica, links)
    edges = {name: leading[0].edge for name, leading in upstreams(mine).items()}
    policies = {name: (cluster_name(host, edge), topology.policy(edge)) for name, edge in edges.items()}
    routes = {name: route(*policies[name]) for name, edge in edges.items() if topology.protocol(edge) != "tcp"}
    hosts = [_virtual_host(name, [name], [found]) for name, found in routes.items()]
    caller, answers = _log_fields(topology, replica), bootstrap.answer_fields(topology.recorded_headers) | REQUESTS
    note = bootstrap.note_ids(topology.context_headers)
    ways = {FOR_ALL: _manager(host, caller, answers, note, [*hosts, _unknown_service(routes)])} if edges else {}
    ways |= {name: tcp(*policies[name], replica, _log(host)) for name in edges}
    for name, found in routes.items():
        one_by_one = topology.protocol(edges[name]) == "http"
        named_edge = caller | {"edge": edges[name]}  # for a request that Envoy refuses before it has a route
        ways[name] = _manager(host, named_edge, answers, note, [_virtual_host(name, ["*"], [found])], one_by_one)
    return [
        _listener(_owned(host, replica.name, name), address, way) | _counted(topology, edges.get(name))
        for (name, way), address in zip(ways.items(), _listen_addresses(topology, replica, mine), strict=True)
    ]


def _log_fields(topology: Topology, replica: Replica) -> dict[str, str]:
    """The additional fields of every log line of a replica."""
    more = topology.context_headers
    noted = bootstrap.noted_ids(more)  # not in the line of an attempt
    return {"caller": replica.name, "baggage": bootstrap.request_context(more), "id": noted}


def _manager(
    host: ProxyHost, caller: dict[str, str], answers: Json, note: Json, hosts: list[Json], one_by_one: bool = True
) -> Json:
    """Return the connection manager; a connection of an app carries one request at a time, or many (HTTP/2)."""
    log = _log(host)
    if not one_by_one:
        caller = caller | {"connection": f"%REQ({bootstrap.CALL})%"}  # as if each call had a separate connection
    return bootstrap.connection_manager(
        delayed_close_timeout=DELAYED_CLOSE,
        **bootstrap.trusting(*([] if one_by_one else [_named_call()])),
        route_config={"ignore_port_in_host_matching": True, "virtual_hosts": hosts},
        http_filters=[*filters(), note, _router(log, caller)],
        access_log=[bootstrap.json_log(log, CALL_FIELDS | answers | caller)],
    )


def _named_call() -> Json:
    header = {"key": bootstrap.CALL, "value": "%CONNECTION_ID%-%START_TIME(%s%9f)%"}
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _log(host: ProxyHost) -> str:
    return f"{{dir}}/{mesh_log(host.name)}"


def _listener(name: str, address: str, way: Json) -> Json:
    return {
        "name": name,
        "address": bootstrap.socket_address(address),
        "enable_reuse_port": False,  # with it, an address in use would not be detected
        "filter_chains": [{"filters": [way]}],
    }


def _counted(topology: Topology, edge: str | None) -> Json:
    """The prefix that adds up the connections of all tcp edges in the statistics of this Envoy."""
    return {"stat_prefix": bootstrap.TCP_PREFIX} if edge and topology.protocol(edge) == "tcp" else {}


def _router(log: str, caller: dict[str, str]) -> Json:
    attempts = [bootstrap.json_log(log, ATTEMPT_FIELDS | caller)]
    kind = "extensions.filters.http.router.v3.Router"
    every = {"upstream_log_flush_interval": bootstrap.duration(UNDER_WAY_MS)}
    return named("envoy.filters.http.router", typed(kind, upstream_log=attempts, upstream_log_options=every))


def _virtual_host(name: str, domains: list[str], routes: list[Json]) -> Json:
    return {"name": name, "domains": domains, "include_request_attempt_count": True, "routes": routes}


def _unknown_service(known: dict[str, Json]) -> Json:
    text = f"unknown service %REQ(:AUTHORITY)%; this proxy has routes for {', '.join(known)}\n"
    answer = {"status": 404, "body_format": {"text_format_source": {"inline_string": text}}}
    return _virtual_host(UNKNOWN, ["*"], [{"match": {"prefix": "/"}, "direct_response": answer}])
