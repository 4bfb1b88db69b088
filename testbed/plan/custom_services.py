"""Custom services in the plan: their addresses and processes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from testbed.errors import TopologyError
from testbed.plan import telemetry
from testbed.plan.values import AddressSpace, Network, Process, Ready, Replica
from testbed.plan.wiring import variable
from testbed.spec.templates import parts_of, render

if TYPE_CHECKING:
    from testbed.spec.services import Service
    from testbed.spec.topology import Topology

WILDCARDS, EACH = 22_000, 40  # the first wildcard port, and the number of wildcard ports in a block
LOCALHOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+")


def candidates(network: str) -> range:
    """Return the wildcard ports of this address block. No other run and no listener of the testbed uses them."""
    block = int(network.partition(".")[2] or 0)
    return range(WILDCARDS + EACH * block, WILDCARDS + EACH * (block + 1))


def wildcard_ports_needed(topology: Topology, space: AddressSpace) -> int:
    """Return how many replicas need a wildcard port; a replica with a network namespace needs none."""
    services = () if space.shares_one_address else topology.services.values()
    return sum(one.replicas for one in services if one.binds == "all" and one.port is None)


def binds_fixed_wildcard_port(service: Service) -> bool:
    """Whether a service listens on a fixed port on all addresses. No other process in its network can use it."""
    return service.binds == "all" and service.port is not None


def replicas(topology: Topology, space: AddressSpace, ports: Sequence[int]) -> Iterator[Replica]:
    """Yield every replica with its address in the address space and the address of its app."""
    if (wanted := wildcard_ports_needed(topology, space)) > len(ports):
        text = f"{wanted} replicas listen on all addresses, but a run has only {len(ports)} ports for them"
        raise TopologyError(f"{text}: let some listen on ADDR (binds: own)")
    free = iter(ports)
    for number, (name, service) in enumerate(topology.services.items(), 1):
        if space.shares_one_address and (service.address or "").startswith("127."):
            text = f"{service.address} is a loopback address, which containers cannot reach: use another address"
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
    wiring: dict[str, str],
    all_replicas: Sequence[Replica],
) -> Process:
    """Return the process of one replica of a command or an image."""
    service = topology.services[replica.service]
    values, wiring = _values(topology, replica, wiring), wiring | telemetry.variables(topology, space, replica)
    host, _, port = replica.app.rpartition(":")
    listens, isolated = f"{EVERYWHERE if service.binds == 'all' else host}:{port}", _is_isolated(service, space)
    return Process(
        name=f"{replica.name}/app",
        role="app",
        argv=tuple(render(word, values) for word in service.command or ()),
        ready=_ready(service, replica.app, values),
        listens=(replica.app if isolated else listens,),
        env=_environment(service, listens, wiring) | {key: render(text, values) for key, text in service.env.items()},
        replica=replica.name,
        custom=True,
        cwd=str(topology.folder / (service.workdir or "")),
        needs=tuple(f"{one.name}/app" for one in all_replicas if one.service in service.needs and not one.external),
        image=service.image or "",
        reached=(replica.app,) if service.reset_path else (),
        network=Network(int(port), _addresses(wiring)) if isolated else None,
    )


def _addresses(wiring: Mapping[str, str]) -> tuple[str, ...]:
    """All addresses in the environment of an app, without duplicates."""
    return tuple(dict.fromkeys(ADDRESS.findall(" ".join(wiring.values()))))


def _environment(service: Service, listens: str, wiring: Mapping[str, str]) -> dict[str, str]:
    """The environment of every custom service. NO_PROXY exempts the addresses of its calls."""
    host, _, port = listens.rpartition(":")
    found = {"ADDR": host, "PORT": port, **wiring}
    if wiring:
        hosts = ",".join(sorted({"localhost", LOCALHOST, *_hosts(wiring)}))
        found |= {"NO_PROXY": hosts, "no_proxy": hosts}
    return found | ({"http_proxy": proxy} if (proxy := wiring.get("HTTP_PROXY")) else {})


def _hosts(wiring: Mapping[str, str]) -> Iterator[str]:
    """Yield the hosts of the mesh listeners, or of the links if there is no mesh proxy."""
    for key, value in wiring.items():
        if key.endswith(("_ADDR", "_URLS", telemetry.ENDPOINT)):
            yield from (address.removeprefix("http://").rpartition(":")[0] for address in value.split(","))


def _values(topology: Topology, replica: Replica, wiring: Mapping[str, str]) -> dict[str, str]:
    """The values of placeholders."""
    found = parts_of("self", replica.app) | {"self.name": replica.name, "dir": "{dir}"}
    for service in topology.upstreams(replica.service):
        found |= parts_of(f"upstream.{service}", wiring[f"{variable(service)}_ADDR"])
    return found


def _ready(service: Service, app: str, values: Mapping[str, str]) -> Ready:
    condition = service.ready
    if condition is None:
        return Ready(f"tcp://{app}")
    url = f"http://{app}{condition.http}" if condition.http else f"{'grpc' if condition.grpc else 'tcp'}://{app}"
    command = tuple(render(word, values) for word in condition.command or ())
    return Ready(url, condition.log or "", command, condition.within / 1000)
