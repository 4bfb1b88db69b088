"""The operations of faults: small values that the injector carries out and undoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Stream = Literal["upstream", "downstream"]
NEVER_MS = 86_400_000  # a delay of a day: the request hangs


@dataclass(frozen=True, slots=True)
class Range:
    """The range of an attribute, in whole numbers. `default` None: the attribute is required."""

    low: int
    high: int
    default: int | None = 0


RATE = Range(1, 10_000_000)  # KiB/s of an answer's body; the minimum of Envoy


@dataclass(frozen=True, slots=True)
class Toxic:
    """One Toxiproxy toxic on one link; `attributes` in Toxiproxy's own names and integer units."""

    link: str
    kind: str  # Toxiproxy's type: "latency", "timeout", "reset_peer", "limit_data", ...
    stream: Stream
    attributes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkDown:
    """One link disabled: open connections are closed, new ones refused.

    `during_restart`: only while the fault comes into force and while it is undone, because the callee restarts then.
    """

    link: str
    during_restart: bool = False


@dataclass(frozen=True, slots=True)
class Blackhole:
    """One link taken off the network: open connections are closed, and the SYN of a new one gets no answer."""

    link: str


LinkOperation = Toxic | LinkDown | Blackhole


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a rule matches. An empty scope matches all requests; all given parts must match.

    `requests` is a share in [0, 1] drawn again for every attempt: a hash of (seed, request id, link edge, attempt).
    """

    users: frozenset[str] | None = None
    cohort: str | None = None
    requests: float | None = None
    attempts: frozenset[int] | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One request fault at the inlet: abort with a status, delay, delay then abort, or a slow body of the answer."""

    fault: str  # the fault's id in this run, e.g. "f1"; logged with every arrival that it matches
    inlets: tuple[str, ...]  # the inlet addresses ("ip:port") of its links
    abort: int | None = None  # HTTP status
    delay_ms: float | None = None  # 0: only mark the arrivals that it matches
    scope: Scope = Scope()
    kb_per_s: int | None = None  # KiB (1024 bytes) of the answer's body
    grpc_status: int | None = None  # number of a gRPC status to abort with, instead of `abort`


@dataclass(frozen=True, slots=True)
class ProcessAction:
    """An action on the app process of one replica, or on a mesh proxy. The opposite action, if any, undoes it."""

    replica: str  # or the node, for the proxy of a node
    action: Literal["kill", "pause", "restart", "terminate", "cpu", "memory"]
    role: Literal["app", "proxy"] = "app"
    amount: float = 0  # cpu: share of one processor; memory: MiB; terminate: seconds until it is killed
    links: tuple[str, ...] = ()  # terminate: the addresses of its links, which refuse new connections meanwhile
    drain_delay_ms: float = 0  # terminate: until they do, at the latest
    pre_stop_ms: float = 0  # terminate: until SIGTERM

    @property
    def process(self) -> str:
        """The process's name in the plan."""
        return f"{self.replica}/{self.role}"


@dataclass(frozen=True, slots=True)
class PacketDrop:
    """The kernel drops a share (above 0, at most 1) of one link's packets as they come in."""

    fault: str  # the fault's id in this run: all its rules form one chain
    link: str
    share: float
    packets: Literal["requests", "answers"]  # packets to the link, or packets from it


@dataclass(frozen=True, slots=True)
class PacketShaping:
    """The kernel changes packets of one link as `netem_args` says (arguments of tc netem)."""

    fault: str
    link: str
    packets: Literal["requests", "answers"]
    netem_args: tuple[str, ...]  # ("corrupt", "5%")


PacketOperation = PacketDrop | PacketShaping
Operation = LinkOperation | Rule | ProcessAction | PacketOperation
