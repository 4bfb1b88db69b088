"""The plan: what would run, as plain values. A pure function of topology, mesh and address block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["app", "proxy", "links", "inlet"]
AddressMap = Callable[[str], str]  # an "ip:port" of a plan -> the "ip:port" at which this very process reaches it


def as_planned(address: str) -> str:
    """The `AddressMap` of a plan on our own machine's addresses: none of them is another one for us."""
    return address


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """Where a plan's addresses lie."""

    network: str  # "127.50" or "10.213": replica r of the s-th service is <network>.s.r, s = 0 is the test's own plane
    shared_address: str = ""  # the one address at which all links and inlets listen; "": each at its callee's own
    wildcard_ports: tuple[int, ...] = ()  # for apps that listen on all addresses; nobody on this machine has them
    namespaces: bool = False  # whether an app may have a network namespace of its own, where the others share one

    @property
    def shares_one_address(self) -> bool:
        """Whether all links and inlets listen at one address, as where each process has a network of its own."""
        return bool(self.shared_address)

    def plane_address(self, number: int) -> str:
        """Return an address of the test's own plane: 1 is the links' own, 2 the inlet's."""
        return self.shared_address or f"{self.network}.0.{number}"

    def holds(self, link: str) -> bool:
        """Whether a link ("ip:port") can be one of this run's: at its one address, or anywhere on its network."""
        ip = link.rpartition(":")[0]
        return ip.startswith(f"{self.network}.") and self.shared_address in ("", ip)


@dataclass(frozen=True, slots=True)
class Replica:
    """One running copy of a service, with an address of its own (like a pod)."""

    name: str  # "pricing-1"
    service: str  # "pricing"
    number: int  # 1, 2, ...
    address: str  # "127.50.4.1"
    node: str = ""  # "node-1" where placement is node
    app: str = ""  # "127.50.4.1:8080", where its app is reached; somewhere else for one that is not on its own address
    external: bool = False  # it runs already: there is no process to start, stop or signal

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


class ProxyHost(Protocol):
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
    protocol: str = "http"  # what it carries: "http", "http2", "grpc" or "tcp"

    @property
    def proxy(self) -> str:
        """The host of the proxy that sends over it: the caller itself, or its node."""
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
    """When a process counts as started.

    `url` answers 200 to 399 (http), accepts a connection (tcp), or says SERVING (grpc); where a `log` (a regular
    expression) or a `command` is given, a line of its log matches, or the command exits with 0.
    """

    url: str  # "http://127.50.4.1:8080/healthz", "tcp://127.50.4.1:8080", "grpc://127.50.4.1:8080"
    log: str = ""
    command: tuple[str, ...] = ()
    within_s: float | None = None  # None: as long as the runtime waits for everything

    def __str__(self) -> str:
        """Write what is looked at."""
        if self.log:
            return f"a line like {self.log!r} in its log"
        return f"`{' '.join(self.command)}`" if self.command else self.url


@dataclass(frozen=True, slots=True)
class Network:
    """A network namespace that an app has for itself, where the other processes of the run share one.

    It listens there on all addresses, or on localhost; from outside it is reached where its process `listens`. What it
    calls it finds at the same addresses as outside.
    """

    port: int  # where it listens
    upstreams: tuple[str, ...]  # every "ip:port" of the run that it calls


@dataclass(frozen=True, slots=True)
class Process:
    """One process to start.

    `argv[0]` is a tool name that the runtime resolves (envoy, toxiproxy, node, python, stub-go), every other
    word may hold `{dir}`, the run's own folder. `env` is added to a small clean environment.

    A `custom` one is the user's: a program on PATH or in `cwd`, started there with the user's environment, after the
    testbed's processes and those that it `needs` are ready. One with an `image` is a container of the user's: `argv` is
    a command in that image, the image's own if it is empty, and `env` is all that it is given.
    """

    name: str  # "pricing-1/app", "pricing-1/proxy", "links", "inlet"
    role: Role
    argv: tuple[str, ...]
    ready: Ready
    listens: tuple[str, ...] = ()  # every "ip:port" it binds, for the port-in-use check
    env: Mapping[str, str] = field(default_factory=dict)
    replica: str | None = None
    custom: bool = False
    cwd: str = ""  # "": the run's own folder
    needs: tuple[str, ...] = ()  # names of processes
    image: str = ""  # of a container, whose own command runs where argv is empty
    reached: tuple[str, ...] = ()  # those at which the test itself talks to it
    network: Network | None = None  # None: it shares the run's


def links_from(host: ProxyHost, links: Iterable[Link]) -> tuple[Link, ...]:
    """Return the links over which the replicas of a host call."""
    names = {replica.name for replica in host.replicas}
    return tuple(link for link in links if names & set(link.callers))


@dataclass(frozen=True, slots=True)
class File:
    """One file to write below the run's folder before anything starts."""

    path: str  # relative: "pricing-1/envoy.json"
    text: str
