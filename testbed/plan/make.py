"""Make the plan of a topology in an address block. Pure, so it can be printed, compared and tested."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from testbed.errors import TopologyError
from testbed.native import packages_path, stub_path
from testbed.plan import custom_services
from testbed.plan.custom_services import candidates
from testbed.plan.ports import MeshPorts, Part
from testbed.plan.stub_behaviour import behaviour, speaks_grpc
from testbed.plan.values import (
    AddressMap,
    AddressSpace,
    File,
    Link,
    Node,
    Process,
    ProxyHost,
    Ready,
    Replica,
    as_planned,
    by_caller,
    links_of,
)
from testbed.spec.edges import CLIENT, Edge
from testbed.spec.services import Service
from testbed.spec.topology import Topology

LINK_PORT = 10_000
INLET_PORT = 20_000
NODES = 255  # the third part of node addresses: the n-th node is 127.50.255.n


@dataclass(frozen=True)
class Plan:
    """Everything that a runtime needs to start a mesh, and everything that a fault may target."""

    topology: Topology
    mesh: MeshPorts
    space: AddressSpace
    replicas: tuple[Replica, ...]
    links: tuple[Link, ...]
    processes: tuple[Process, ...]
    files: tuple[File, ...]
    nodes: tuple[Node, ...] = ()  # only where placement is node

    @property
    def proxy_hosts(self) -> tuple[ProxyHost, ...]:
        """The possible hosts of proxies: the nodes, or the replicas."""
        return self.nodes or self.replicas

    @property
    def proxies(self) -> tuple[ProxyHost, ...]:
        """The hosts on which a mesh proxy runs."""
        names = {process.name for process in self.processes if process.role == "proxy"}
        return tuple(host for host in self.proxy_hosts if f"{host.name}/proxy" in names)

    @property
    def links_api(self) -> str:
        """The address of the Toxiproxy API: a Unix socket in the folder of the run; in Docker, a port."""
        return f"{self.space.plane_address(1)}:8474" if self.space.shares_one_address else "unix:{dir}/links/api.sock"

    @property
    def inlet_admin(self) -> str:
        """The admin address of the inlet."""
        return f"{self.space.plane_address(2)}:9990"

    @property
    def inlet_control(self) -> str:
        """The address at which the inlet receives its rules."""
        return f"{self.space.plane_address(2)}:9991"

    @property
    def probe(self) -> Link:
        """The link of the no-op probe, to the control address of the inlet: it measures link and inlet alone."""
        return Link(
            "testbed--inlet", "testbed", "inlet", "", f"{self.space.plane_address(1)}:8475", None, self.inlet_control
        )

    def entries(self, reach: AddressMap = as_planned) -> dict[str, str]:
        """The entry replicas, each with the base URL for the load."""
        return {link.callee: f"http://{reach(link.listen)}" for link in self.links if link.caller == CLIENT}

    def proxies_above(self, services: set[str]) -> tuple[str, ...]:
        """The mesh proxies that may record a failure of these services: those of all direct and indirect callers."""
        above = services.union(*(self.topology.callers_of(service) for service in services))
        return tuple(f"{s.name}/proxy" for s in self.proxies if any(r.service in above for r in s.replicas))

    def proxies_that_remember(self, services: set[str]) -> tuple[str, ...]:
        """Those of them that keep a state after healing: only outlier detection does, on an edge to such a callee."""
        above = services.union(*(self.topology.callers_of(service) for service in services))
        edges = [Edge.parse(policy.edge) for policy in self.topology.policies if policy.outlier_detection]
        callers = {edge.caller for edge in edges if edge.callee in above}
        known = (f"{s.name}/proxy" for s in self.proxies if any(r.service in callers for r in s.replicas))
        return tuple(known)


Plane = Callable[[Plan], Part]
"""Makes the processes for links and inlet, for a plan without processes."""


def make_plan(
    topology: Topology,
    space: AddressSpace,
    mesh: MeshPorts,
    plane: Plane,
    seed: int = 0,
) -> Plan:
    """Plan a topology in an address space. Raises `TopologyError` if a shared address has too few ports for links.

    `plane` makes links and inlet. If the space has no wildcard ports, the first ones of the address block are used.
    """
    ports = space.wildcard_ports or tuple(candidates(space.network))
    replicas = tuple(custom_services.replicas(topology, space, ports))
    nodes = tuple(_nodes(replicas, space.network))
    links = tuple(_links(topology, replicas, space))
    bare = Plan(topology, mesh, space, replicas, links, (), (), nodes)
    outgoing = by_caller(links)
    parts = [plane(bare), *(part for host in bare.proxy_hosts for part in _host_parts(bare, host, outgoing, seed))]
    processes = tuple(process for part in parts for process in part[0])
    files = tuple(file for part in parts for file in part[1])
    return replace(bare, processes=processes, files=files)


def _nodes(replicas: tuple[Replica, ...], network: str) -> Iterator[Node]:
    """The nodes with replicas. A node name ends in its number."""
    for name in sorted({r.node for r in replicas if r.node}, key=lambda name: int(name.rpartition("-")[2])):
        address = f"{network}.{NODES}.{name.rpartition('-')[2]}"
        yield Node(name, address, tuple(r for r in replicas if r.node == name))


def _callers(replicas: tuple[Replica, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each caller with links (the load, a replica, or a service on a node): its service, and the sharing replicas."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {CLIENT: (CLIENT, ())}
    for one in replicas:
        caller = f"{one.service}@{one.node}" if one.node else one.name
        together = (*found.get(caller, ("", ()))[1], one.name) if one.node else ()
        found[caller] = (one.service, together)
    return found


def _links(topology: Topology, replicas: tuple[Replica, ...], space: AddressSpace) -> Iterator[Link]:
    """Each caller has its own port at the address of its callee. At a shared address, each link has its own port."""
    numbers, place = count(), {name: number for number, name in enumerate(topology.services)}
    members = {name: [one for one in replicas if one.service == name] for name in topology.services}
    for index, (caller, (service, together)) in enumerate(_callers(replicas).items()):
        upstreams = [topology.entry] if caller == CLIENT else sorted(topology.upstreams(service), key=place.__getitem__)
        for callee in (one for name in upstreams for one in members[name]):
            at = (space.shared_address, next(numbers)) if space.shares_one_address else (callee.address, index)
            yield _link(topology, at, caller, service, callee, together)


def _link(
    topology: Topology, at: tuple[str, int], caller: str, service: str, callee: Replica, together: tuple[str, ...]
) -> Link:
    (ip, number), edge = at, f"{service} -> {callee.service}"
    if number >= INLET_PORT - LINK_PORT:
        raise TopologyError(f"{topology.name} needs more links than {ip} has ports ({number}): use fewer replicas")
    return Link(
        name=f"{caller}--{callee.name}",
        caller=caller,
        callee=callee.name,
        edge=edge,
        listen=f"{ip}:{LINK_PORT + number}",
        inlet=f"{ip}:{INLET_PORT + number}" if topology.has_request_faults(edge) else None,
        app=callee.app,
        shared_by=together,
        protocol=topology.protocol(edge),
    )


def _host_parts(plan: Plan, host: ProxyHost, outgoing: Mapping[str, Sequence[Link]], seed: int) -> Iterator[Part]:
    """Yield the apps of a host and their proxy, if they need one."""
    for replica in host.replicas:
        if not replica.external:
            yield [_app(plan, replica, links_of(replica, outgoing), seed)], []
    proxy = plan.mesh.proxy(plan.topology, host, links_of(host, outgoing))
    if proxy is not None:
        yield [proxy[0]], proxy[1]


def _app(plan: Plan, replica: Replica, outgoing: tuple[Link, ...], seed: int) -> Process:
    wiring = plan.mesh.wiring(plan.topology, replica, outgoing)
    if plan.topology.services[replica.service].is_own:
        return custom_services.process(plan.topology, plan.space, replica, wiring, plan.replicas)
    return _stub(plan, replica, wiring, seed)


def _stub(plan: Plan, replica: Replica, wiring: dict[str, str], seed: int) -> Process:
    service, port = plan.topology.services[replica.service], plan.topology.ports.app
    address = f"{replica.address}:{port}"
    env = {
        "ADDR": replica.address,
        "PORT": str(port),
        "SERVICE": replica.service,
        "REPLICA": replica.name,
        "SEED": str(seed),
        "BEHAVIOUR": json.dumps(behaviour(plan.topology, replica.service)),
        **wiring,
    }
    return Process(
        name=f"{replica.name}/app",
        role="app",
        argv=stub_command(service.kind, packages=speaks_grpc(plan.topology, replica.service)),
        ready=_ready(service, address),
        listens=(address,),
        env=env,
        replica=replica.name,
        reached=(address,) if service.reset_path else (),
    )


def _ready(service: Service, address: str) -> Ready:
    """When a stub is ready: by the gRPC health protocol if it does not answer HTTP/1.1 (grpcio)."""
    bare = service.language == "python" and service.protocol == "grpc"
    return Ready(f"grpc://{address}" if bare else f"http://{address}/healthz")


def stub_command(language: str, *, packages: bool = False) -> tuple[str, ...]:
    """Return the command of a stub; its first word is a tool name. `packages`: with installed Python packages."""
    if language == "go":
        return ("stub-go",)
    main = stub_path(language)
    if language == "node":
        return ("node", f"{main}/main.mjs")
    found = packages_path() if packages else None
    return ("python", "-I", "-S", f"{main}/main.py", *([str(found)] if found else []))
