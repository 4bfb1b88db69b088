"""Services of the user's own in the plan: where they are reached, and the processes that they become. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from testbed.errors import TopologyError
from testbed.plan.values import AddressSpace, Network, Process, Ready, Replica
from testbed.plan.wiring import variable
from testbed.spec.templates import fill, parts_of

if TYPE_CHECKING:
    from testbed.spec.services import Service
    from testbed.spec.topology import Topology

WILDCARDS, EACH = 22_000, 40  # where the ports for all addresses begin, and how many a block has
LOCALHOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+")


def candidates(network: str) -> range:
    """Return the ports that apps in this block may take on all addresses; no other run has them, nor a listener."""
    block = int(network.partition(".")[2] or 0)
    return range(WILDCARDS + EACH * block, WILDCARDS + EACH * (block + 1))


def wildcard_ports_needed(topology: Topology, space: AddressSpace) -> int:
    """Return how many replicas need a port on all addresses; with a network of its own each has all ports."""
    services = () if space.shares_one_address else topology.services.values()
    return sum(one.replicas for one in services if one.binds == "all" and one.port is None)


def binds_fixed_wildcard_port(service: Service) -> bool:
    """Whether a service takes a port of its own on all addresses: nobody else in its network can have that one."""
    return service.binds == "all" and service.port is not None


def replicas(topology: Topology, space: AddressSpace, ports: Sequence[int]) -> Iterator[Replica]:
    """Yield every replica with its address in the address space, and where its app is reached."""
    if (wanted := wildcard_ports_needed(topology, space)) > len(ports):
        text = f"{wanted} replicas listen on all addresses, but one run has only {len(ports)} ports"
        raise TopologyError(f"{text} for that: let some listen on ADDR (binds: own)")
    free = iter(ports)
    for number, (name, service) in enumerate(topology.services.items(), 1):
        if space.shares_one_address and (service.address or "").startswith("127."):
            text = f"{service.address} is this machine's loopback, which no container reaches: give it another address"
            raise TopologyError(topology.located(("services", name, "address"), text))
        for copy in range(1, service.replicas + 1):
            address = f"{space.network}.{number}.{copy}"
            app = _app(topology, service, space, address, free)
            node = topology.node_of(name, copy)
            yield Replica(f"{name}-{copy}", name, copy, address, node, app, external=service.kind == "address")


def _app(topology: Topology, service: Service, space: AddressSpace, address: str, free: Iterator[int]) -> str:
    if service.address:
        return service.address
    if service.binds == "all" and not space.shares_one_address and not _is_isolated(service, space):
        return f"{LOCALHOST}:{service.port or next(free)}"
    return f"{address}:{service.port or topology.ports.app}"


def _is_isolated(service: Service, space: AddressSpace) -> bool:
    return space.namespaces and binds_fixed_wildcard_port(service)


def process(
    topology: Topology,
    space: AddressSpace,
    replica: Replica,
    wiring: Mapping[str, str],
    all_replicas: Sequence[Replica],
) -> Process:
    """Return the process that one replica of a command or an image is."""
    service = topology.services[replica.service]
    values = _values(topology, replica, wiring)
    host, _, port = replica.app.rpartition(":")
    listens, isolated = f"{EVERYWHERE if service.binds == 'all' else host}:{port}", _is_isolated(service, space)
    return Process(
        name=f"{replica.name}/app",
        role="app",
        argv=tuple(fill(word, values) for word in service.command or ()),
        ready=_ready(service, replica.app, values),
        listens=(replica.app if isolated else listens,),
        env=_environment(service, listens, wiring) | {key: fill(text, values) for key, text in service.env.items()},
        replica=replica.name,
        custom=True,
        cwd=str(topology.folder / (service.workdir or "")),
        needs=tuple(f"{one.name}/app" for one in all_replicas if one.service in service.needs and not one.external),
        image=service.image or "",
        reached=(replica.app,) if service.reset_path else (),
        network=Network(int(port), _addresses(wiring)) if isolated else None,
    )


def _addresses(wiring: Mapping[str, str]) -> tuple[str, ...]:
    """Every address that an app is told, once each."""
    return tuple(dict.fromkeys(ADDRESS.findall(" ".join(wiring.values()))))


def _environment(service: Service, listens: str, wiring: Mapping[str, str]) -> dict[str, str]:
    """What every service of the user's own gets; where its calls go is not to be asked through any proxy."""
    host, _, port = listens.rpartition(":")
    found = {"ADDR": host, "PORT": port, **wiring}
    if wiring:
        hosts = ",".join(sorted({"localhost", LOCALHOST, *_hosts(wiring)}))
        found |= {"NO_PROXY": hosts, "no_proxy": hosts}
    return found | ({"http_proxy": proxy} if (proxy := wiring.get("HTTP_PROXY")) else {})


def _hosts(wiring: Mapping[str, str]) -> Iterator[str]:
    """Yield the hosts of listeners of the mesh, or of links where there is none."""
    for key, value in wiring.items():
        if key.endswith(("_ADDR", "_URLS")):
            yield from (address.removeprefix("http://").rpartition(":")[0] for address in value.split(","))


def _values(topology: Topology, replica: Replica, wiring: Mapping[str, str]) -> dict[str, str]:
    """What the names in double braces stand for."""
    found = parts_of("self", replica.app) | {"self.name": replica.name, "dir": "{dir}"}
    for service in topology.upstreams(replica.service):
        found |= parts_of(f"upstream.{service}", wiring[f"{variable(service)}_ADDR"])
    return found


def _ready(service: Service, app: str, values: Mapping[str, str]) -> Ready:
    told = service.ready
    if told is None:
        return Ready(f"tcp://{app}")
    url = f"http://{app}{told.http}" if told.http else f"{'grpc' if told.grpc else 'tcp'}://{app}"
    command = tuple(fill(word, values) for word in told.command or ())
    return Ready(url, told.log or "", command, told.within / 1000)
