"""Outage: some or all replicas of a service fail in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from testbed.errors import FaultError, nearest
from testbed.faults.abort import abort
from testbed.faults.base import Fault, Plane
from testbed.faults.connection_refused import connection_refused
from testbed.faults.hang import hang
from testbed.faults.kill import kill
from testbed.faults.node_failure import node_failure
from testbed.faults.operations import Operation
from testbed.faults.stall import stall
from testbed.faults.target import FaultContext, Target
from testbed.faults.unreachable import unreachable
from testbed.plan.values import Link
from testbed.renamed import KINDS as OLD_KINDS
from testbed.renamed import warn

Kind = Literal["refused", "unreachable", "stall", "hang", "erroring", "killed", "node_failure"]
KINDS: dict[str, Callable[[], Fault]] = {
    "refused": connection_refused,
    "unreachable": unreachable,
    "stall": stall,
    "hang": hang,
    "erroring": lambda: abort(503),
    "killed": kill,
    "node_failure": node_failure,
}


@dataclass(frozen=True)
class outage(Fault):
    """The first `replicas` replicas of `service` (all if None) fail in the way of `kind`.

    What callers see: with `refused` connection refused, with `unreachable` a connect timeout, with `stall` a read
    timeout on every connection, with `hang` a read timeout on every request (TCP health checks still succeed), with
    `erroring` a 503 for each request (gRPC: UNAVAILABLE). With `killed` the process is killed, and connections are
    refused until it is healed. With `node_failure` the whole node fails: no answers, and the process is stopped.

        outage("pricing", replicas=1, kind="unreachable")
    """

    service: str
    replicas: int | None = None
    kind: Kind = "refused"

    def normalize(self) -> None:
        """Take an old word for a kind, with a warning."""
        if new := OLD_KINDS.get(self.kind):
            warn(f"kind={self.kind!r}", f"kind={new!r}")
            object.__setattr__(self, "kind", new)

    def validate(self) -> None:
        """Raise `FaultError` for an unknown kind or fewer than one replica."""
        if self.kind not in KINDS:
            raise FaultError(f"{self}: there is no kind {self.kind!r}{nearest(self.kind, KINDS)}")
        if self.replicas is not None and (not isinstance(self.replicas, int) or self.replicas < 1):
            raise FaultError(f"{self}: replicas must be 1 or more (or left out for all)")

    @property
    def plane(self) -> Plane:  # type: ignore[override]
        """The plane of the kind."""
        return KINDS[self.kind]().plane

    def _aim(self, target: Target) -> Target:
        """Limit the outage to the caller of one edge (not for `killed` and `node_failure`)."""
        if not target.edge or target.service or target.replica or target.proxy:
            raise FaultError(f"{self} has a service already; .on accepts only an edge into it")
        return Target(edge=target.edge)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """The operations of the kind, on each replica that is down."""
        return tuple(op for part in self._parts(context) for op in part.operations(context, fault))

    def affected_links(self, context: FaultContext) -> tuple[Link, ...]:
        """The links into the replicas that are down."""
        return tuple(link for part in self._parts(context) for link in part.affected_links(context))

    def one_by_one(self, context: FaultContext) -> tuple[Fault, ...]:
        """The failure on each replica of the service, one after the other."""
        if self.replicas is not None:
            raise FaultError(
                f"{self}: replicas= is the number at the same time; leave it out for one replica after the other"
            )
        return tuple(self._parts(context))

    def _parts(self, context: FaultContext) -> list[Fault]:
        names = [r.name for r in context.replicas if r.service == self.service]
        if not names:
            services = {r.service for r in context.replicas}
            raise FaultError(f"{self}: there is no service {self.service!r}{nearest(self.service, services)}")
        if (self.replicas or 0) > len(names):
            raise FaultError(f"{self}: {self.service} has {len(names)} replicas")
        return [self._part(name, context) for name in names[: self.replicas]]

    def _part(self, replica: str, context: FaultContext) -> Fault:
        grpc = any(link.callee == replica and link.protocol == "grpc" for link in context.links)
        made = abort(grpc_status="UNAVAILABLE") if grpc and self.kind == "erroring" else KINDS[self.kind]()
        return made.on(self.target.edge, replica=replica)
