"""What a fault may ask of the planes: small values, carried out and undone by the injector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Stream = Literal["upstream", "downstream"]
NEVER_MS = 86_400_000  # a delay that no caller outlives: the request hangs


@dataclass(frozen=True, slots=True)
class Range:
    """The whole numbers that an attribute takes; `default` None means that it must be given."""

    low: int
    high: int
    default: int | None = 0


RATE = Range(1, 10_000_000)  # KiB/s of an answer's body; Envoy takes no less


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

    `during_restart` means only while the fault is put in force, and again while it is undone: the callee starts anew
    meanwhile.
    """

    link: str
    during_restart: bool = False


@dataclass(frozen=True, slots=True)
class Blackhole:
    """One link taken off the network: open connections are closed, nobody answers the SYN of a new one."""

    link: str


LinkOperation = Toxic | LinkDown | Blackhole


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a rule meets; an empty scope meets all. All given parts must match.

    `requests` is a share in [0, 1] drawn anew for every attempt: a hash of (seed, request id, link edge, attempt).
    """

    users: frozenset[str] | None = None
    cohort: str | None = None
    requests: float | None = None
    attempts: frozenset[int] | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One request fault at the inlet: abort with a status, delay, delay then abort, or a slow body of the answer."""

    fault: str  # the fault's id in this run, e.g. "f1"; logged with every arrival that it hits
    inlets: tuple[str, ...]  # the inlet addresses ("ip:port") of the links that it acts on
    abort: int | None = None  # HTTP status
    delay_ms: float | None = None  # 0: only mark the arrivals that it meets
    scope: Scope = Scope()
    kb_per_s: int | None = None  # KiB (1024 bytes) of the answer's body
    grpc_status: int | None = None  # number of a gRPC status to abort with, in the place of `abort`


@dataclass(frozen=True, slots=True)
class ProcessAction:
    """Something done to one replica's app process, or to a mesh proxy; undone by its opposite, where it has one."""

    replica: str  # or the node, where the proxy is a node's
    action: Literal["kill", "pause", "restart", "terminate", "cpu", "memory"]
    role: Literal["app", "proxy"] = "app"
    amount: float = 0  # cpu: share of one processor; memory: MiB; terminate: seconds until it is killed

    @property
    def process(self) -> str:
        """The process's name in the plan."""
        return f"{self.replica}/{self.role}"


@dataclass(frozen=True, slots=True)
class PacketDrop:
    """The kernel drops a share (above 0, at most 1) of one link's packets as they come in."""

    fault: str  # the fault's id in this run: all its rules are one chain
    link: str
    share: float
    packets: Literal["requests", "answers"]  # those to the link, or those from it


@dataclass(frozen=True, slots=True)
class PacketShaping:
    """The kernel treats one link's packets as `netem_args` says, in the words of tc's netem."""

    fault: str
    link: str
    packets: Literal["requests", "answers"]
    netem_args: tuple[str, ...]  # ("corrupt", "5%")


PacketOperation = PacketDrop | PacketShaping
Operation = LinkOperation | Rule | ProcessAction | PacketOperation
