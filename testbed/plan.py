"""The plan: what would run, as plain values. A pure function of topology, mesh and address block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["app", "proxy", "links", "inlet"]


@dataclass(frozen=True, slots=True)
class Replica:
    """One running copy of a service, with its own loopback address (like a pod)."""

    name: str  # "pricing-1"
    service: str  # "pricing"
    number: int  # 1, 2, ...
    address: str  # "127.50.4.1"
    node: str = ""  # "node-1" where placement is node

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """The replica itself: a sidecar takes its calls and nobody else's."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Node:
    """Where one proxy serves several replicas, as a DaemonSet runs it; it has an address of its own."""

    name: str  # "node-1"
    address: str  # "127.50.255.1"
    replicas: tuple[Replica, ...]


class Seat(Protocol):
    """Where a proxy may run: beside a replica, whose name and address it shares, or on a node."""

    @property
    def name(self) -> str:
        """The proxy's process is "<name>/proxy"."""

    @property
    def address(self) -> str:
        """Where the proxy's outgoing connections come from, and where it is administered."""

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """Those whose calls it takes, each at the replica's own address."""


@dataclass(frozen=True, slots=True)
class Link:
    """The network between a caller's proxy and one callee replica: a Toxiproxy listener of its own.

    Where a node's proxy calls for several replicas of a service, they share the link, and `caller` is the service on
    that node. `inlet` is the address behind the link at which the inlet takes this link's requests;
    None where the edge runs without request faults, and the link leads straight to `app`.
    """

    name: str  # "checkout-1--pricing-2", unique, also Toxiproxy's proxy name
    caller: str  # replica name, "checkout@node-1", or "client" for the load's own link into the entry
    callee: str  # replica name
    edge: str  # "checkout -> pricing"
    listen: str  # "127.50.4.2:10003", what the caller's proxy is configured with
    inlet: str | None  # "127.50.4.2:20003"
    app: str  # "127.50.4.2:8080"
    shared_by: tuple[str, ...] = ()  # the replicas that `caller` stands for, where it is a service on a node

    @property
    def proxy(self) -> str:
        """The seat of the proxy that sends over it: the caller itself, or its node."""
        return self.caller.rpartition("@")[2]

    @property
    def callers(self) -> tuple[str, ...]:
        """The replicas that call over it."""
        return self.shared_by or (self.caller,)

    @property
    def hops(self) -> tuple[str, ...]:
        """Its name, and "checkout-1--pricing-2" for every replica that calls over it, as attempts name the two."""
        return tuple(dict.fromkeys((self.name, *(f"{caller}--{self.callee}" for caller in self.callers))))

    @property
    def upstream(self) -> str:
        """Where Toxiproxy forwards to: the inlet, or the app where there is none."""
        return self.inlet or self.app


@dataclass(frozen=True, slots=True)
class Ready:
    """When a process counts as started: `url` answers 200."""

    url: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process to start.

    `argv[0]` is a tool name that the runtime resolves (envoy, toxiproxy, node, python, stub-go), every other
    word may hold `{dir}`, the run's own folder. `env` is added to a small clean environment.
    """

    name: str  # "pricing-1/app", "pricing-1/proxy", "links", "inlet"
    role: Role
    argv: tuple[str, ...]
    ready: Ready
    listens: tuple[str, ...] = ()  # every "ip:port" it binds, for the port-in-use check
    env: Mapping[str, str] = field(default_factory=dict)
    replica: str | None = None


def links_from(seat: Seat, links: Iterable[Link]) -> tuple[Link, ...]:
    """Return the links over which the replicas of a seat call."""
    names = {replica.name for replica in seat.replicas}
    return tuple(link for link in links if names & set(link.callers))


@dataclass(frozen=True, slots=True)
class File:
    """One file to write below the run's folder before anything starts."""

    path: str  # relative: "pricing-1/envoy.json"
    text: str
