"""Partition: two sides cannot reach each other, or one cannot reach the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from testbed.errors import FaultError, nearest
from testbed.faults.operations import Operation
from testbed.faults.packets import WAYS, PacketFault, Way, dropped
from testbed.faults.target import FaultContext, Target
from testbed.plan.values import Link


@dataclass(frozen=True)
class partition(PacketFault):
    """No packet passes between `a` and `b` (services or replicas); with `one_way=True` none from `a` to `b`.

    It cuts every edge between the two, in both call directions. Nothing is refused or closed: connections hang, and
    the SYN of a new one gets no answer. After healing, TCP waits for its back-off: an existing connection answers again
    after about the duration of the partition, a new one at once.
    """

    a: str
    b: str
    one_way: bool = field(default=False, kw_only=True)

    def validate(self) -> None:
        """Raise `FaultError` for two equal sides or a direction besides `one_way`."""
        if self.a == self.b:
            raise FaultError(f"{self}: a partition has two different sides")
        if self.direction != "both":
            raise FaultError(f"{self}: a partition takes one_way=True, not direction=")

    def _aim(self, target: Target) -> Target:
        """Refuse: a partition has its two sides already."""
        raise FaultError(f"{self} has its two sides already (services or replicas); it does not accept .on(...)")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Drop everything from `a` to `b`, and back unless it is one-way."""
        return tuple(op for link, ways in self._cut(context) for op in dropped(fault, link.name, ways, 100))

    def affected_links(self, context: FaultContext) -> tuple[Link, ...]:
        """The links between the two sides."""
        return tuple(link for link, _ in self._cut(context))

    def _cut(self, context: FaultContext) -> list[tuple[Link, tuple[Way, ...]]]:
        services = {r.name: r.service for r in context.replicas}
        known = {*services, *services.values(), *(link.edge.partition(" -> ")[0] for link in context.links)}
        for side in (self.a, self.b):
            if side not in known:
                raise FaultError(f"{self}: there is no service or replica {side!r}{nearest(side, known)}")
        found = list(self._between(context))
        if not found:
            raise FaultError(f"{self}: neither calls the other, so there is nothing to cut")
        return found

    def _between(self, context: FaultContext) -> Iterator[tuple[Link, tuple[Way, ...]]]:
        services = {r.name: r.service for r in context.replicas}
        for link in context.links:
            caller = {link.caller, link.edge.partition(" -> ")[0]}
            callee = {link.callee, services[link.callee]}
            if self.a in caller and self.b in callee:
                yield link, ("requests",) if self.one_way else WAYS
            elif self.b in caller and self.a in callee:
                yield link, ("answers",) if self.one_way else WAYS
