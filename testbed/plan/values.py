"""The parts of a plan as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["app", "proxy", "links", "inlet"]
UNDER_WAY_MS = 500  # between two lines of a log about a request that is under way
FLUSH_MS = 50  # the longest time that a proxy of a plan keeps a line of its log in memory
AddressMap = Callable[[str], str]  # an address of a plan -> the address at which the test process reaches it


def as_planned(address: str) -> str:
    """The `AddressMap` of a plan with addresses of this machine: it changes nothing."""
    return address


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """The addresses of a plan."""

    network: str  # "127.50" or "10.213": replica r of the s-th service is <network>.s.r, s = 0 is the testbed itself
    shared_address: str = ""  # the address of all links and inlets; "": each is at the address of its callee
    wildcard_ports: tuple[int, ...] = ()  # free ports for apps that listen on all addresses
    namespaces: bool = False  # whether an app may have its own network namespace
    test_address: str = ""  # where apps reach the test process; "": an address of the network

    @property
    def shares_one_address(self) -> bool:
        """Whether all links and inlets listen at one address, as in Docker."""
        return bool(self.shared_address)

    def plane_address(self, number: int) -> str:
        """Return an address of the testbed itself: 1 is that of the links, 2 that of the inlet."""
        return self.shared_address or f"{self.network}.0.{number}"

    @property
    def telemetry_address(self) -> str:
        """The address at which the test process receives telemetry from the apps."""
        return self.test_address or f"{self.network}.0.3"

    def holds(self, link: str) -> bool:
        """Whether a link ("ip:port") may belong to this run: at the shared address, or in its network."""
        ip = link.rpartition(":")[0]
        return ip.startswith(f"{self.network}.") and self.shared_address in ("", ip)


@dataclass(frozen=True, slots=True)
class Replica:
    """One running copy of a service with its own address, like a pod."""

    name: str  # "pricing-1"
    service: str  # "pricing"
    number: int  # 1, 2, ...
    address: str  # "127.50.4.1"
    node: str = ""  # "node-1" where placement is node
    app: str = ""  # "127.50.4.1:8080", the address of its app, which may differ from `address`
    external: bool = False  # an external service: there is no process to start, stop or signal

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """The replica itself: a sidecar handles only its calls."""
        return (self,)


@dataclass(frozen=True, slots=True)
class Node:
    """A node with one proxy for several replicas, like a DaemonSet. It has its own address."""

    name: str  # "node-1"
    address: str  # "127.50.255.1"
    replicas: tuple[Replica, ...]


class ProxyHost(Protocol):
    """The host of a proxy: a replica (sidecar) or a node. The proxy shares its name and address."""

    @property
    def name(self) -> str:
        """The proxy's process is "<name>/proxy"."""

    @property
    def address(self) -> str:
        """The source address of the proxy's outgoing connections, and the address of its admin interface."""

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """The replicas that call through this proxy, each at its own address."""


@dataclass(frozen=True, slots=True)
class Link:
    """The network between the proxy of a caller and one callee replica: one Toxiproxy listener.

    With a proxy per node, the replicas of a service on that node share the link, and `caller` is the service on the
    node. `inlet` is the address of the inlet for this link. It is None on an edge without request faults: the link
    then leads directly to `app`.
    """

    name: str  # "checkout-1--pricing-2", unique, also Toxiproxy's proxy name
    caller: str  # replica name, "checkout@node-1", or "client" for the load
    callee: str  # replica name
    edge: str  # "checkout -> pricing"
    listen: str  # "127.50.4.2:10003", what the caller's proxy is configured with
    inlet: str | None  # "127.50.4.2:20003"
    app: str  # "127.50.4.2:8080"
    shared_by: tuple[str, ...] = ()  # the replicas behind `caller`, if it is a service on a node
    protocol: str = "http"  # "http", "http2", "grpc" or "tcp"

    @property
    def proxy(self) -> str:
        """The host of the calling proxy: the caller or its node."""
        return self.caller.rpartition("@")[2]

    @property
    def callers(self) -> tuple[str, ...]:
        """The replicas that call over it."""
        return self.shared_by or (self.caller,)

    @property
    def hops(self) -> tuple[str, ...]:
        """Its name, and "checkout-1--pricing-2" for every replica that calls over it, as in the access log."""
        return tuple(dict.fromkeys((self.name, *(f"{caller}--{self.callee}" for caller in self.callers))))

    @property
    def upstream(self) -> str:
        """The address to which Toxiproxy forwards: the inlet, or the app if there is no inlet."""
        return self.inlet or self.app


@dataclass(frozen=True, slots=True)
class Ready:
    """The condition under which a process is ready.

    Without `log` and `command`: `url` answers 200 to 399 (http), accepts a connection (tcp, unix), or answers SERVING
    (grpc). With `log`: a line of its log matches this regular expression. With `command`: it exits with 0.
    """

    url: str  # "http://127.50.4.1:8080/healthz", "tcp://127.50.4.1:8080", "grpc://127.50.4.1:8080", "unix:{dir}/a.sock"
    log: str = ""
    command: tuple[str, ...] = ()
    within_s: float | None = None  # None: the default limit of the runtime

    def __str__(self) -> str:
        """Write the condition for messages."""
        if self.log:
            return f"a line like {self.log!r} in its log"
        return f"`{' '.join(self.command)}`" if self.command else self.url


@dataclass(frozen=True, slots=True)
class Network:
    """A separate network namespace for one app.

    The app listens there on all addresses or on localhost. From outside it is reached at `Process.listens`. Its
    upstreams have the same addresses inside and outside.
    """

    port: int  # the port of the app
    upstreams: tuple[str, ...]  # every "ip:port" of the run that it calls


@dataclass(frozen=True, slots=True)
class Process:
    """One process to start.

    `argv[0]` is a tool name that the runtime resolves (envoy, toxiproxy, node, python, stub-go). The other words may
    contain `{dir}`, the folder of the run. `env` is added to a minimal environment.

    A `custom` process is a custom service: a program on PATH or in `cwd`, started with the user's environment after
    the testbed's processes and the processes in `needs` are ready. With an `image` it is a container: `argv` is the
    command, or empty for the default command of the image, and `env` is its whole environment.
    """

    name: str  # "pricing-1/app", "pricing-1/proxy", "links", "inlet"
    role: Role
    argv: tuple[str, ...]
    ready: Ready
    listens: tuple[str, ...] = ()  # every "ip:port" that it binds, for the port-in-use check
    env: Mapping[str, str] = field(default_factory=dict)
    replica: str | None = None
    custom: bool = False
    cwd: str = ""  # "": the folder of the run
    needs: tuple[str, ...] = ()  # names of processes that must be ready first
    image: str = ""  # the container image; an empty argv means its default command
    reached: tuple[str, ...] = ()  # every "ip:port" that the test process uses
    network: Network | None = None  # None: it shares the network of the run


def links_from(host: ProxyHost, links: Iterable[Link]) -> tuple[Link, ...]:
    """Return the outgoing links of the replicas of a host."""
    return links_of(host, by_caller(links))


def by_caller(links: Iterable[Link]) -> dict[str, list[Link]]:
    """Return the links of each replica that calls over them, for `links_of`."""
    found: dict[str, list[Link]] = {}
    for link in links:
        for caller in link.callers:
            found.setdefault(caller, []).append(link)
    return found


def links_of(host: ProxyHost, links: Mapping[str, Sequence[Link]]) -> tuple[Link, ...]:
    """Return the outgoing links of the replicas of a host, each once."""
    every = (link for replica in host.replicas for link in links.get(replica.name, ()))
    return tuple({link.name: link for link in every}.values())


@dataclass(frozen=True, slots=True)
class File:
    """One file to write into the folder of the run before anything starts."""

    path: str  # relative: "pricing-1/envoy.json"
    text: str
