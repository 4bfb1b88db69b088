"""A fault resolved against a running mesh, once for each injection: everything that others ask of it is a field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from testbed.faults.base import Fault
from testbed.faults.operations import Operation, Rule, Scope
from testbed.faults.target import FaultContext
from testbed.plan.values import Link


@dataclass(frozen=True)
class ResolvedFault:
    """A fault, or one part of a fault in time, with what it does and where it is met."""

    fault: Fault
    id: str  # of the injection: "f1"
    operations: tuple[Operation, ...]
    links: tuple[Link, ...]  # on which it can be met
    edges: tuple[str, ...]  # of these links, each once
    scope: Scope | None  # of a request fault
    behind: tuple[str, ...]  # the replicas whose calls go through the mesh proxy that is hit; () for any other fault
    context: FaultContext = field(repr=False, compare=False)  # in which the parts of a fault in time are resolved

    def __str__(self) -> str:
        """Write the fault as its author did."""
        return str(self.fault)

    def part(self, fault: Fault) -> ResolvedFault:
        """Resolve a part of this fault, which is about to come into force, for the same injection."""
        return self if fault is self.fault else resolve(fault, self.context, self.id)


def resolve(fault: Fault, context: FaultContext, id: str) -> ResolvedFault:
    """Ask a fault what it does and where it is met. Raises `FaultError` if it does not fit the context."""
    operations, links = fault.operations(context, id), fault.affected_links(context)
    edges = tuple(dict.fromkeys(link.edge for link in links))
    scope = next((op.scope for op in operations if isinstance(op, Rule)), None)
    return ResolvedFault(fault, id, operations, links, edges, scope, _behind(fault, links, context), context)


def _behind(fault: Fault, links: Iterable[Link], context: FaultContext) -> tuple[str, ...]:
    callers = {caller for link in links for caller in link.callers} if fault.target.proxy else set()
    return tuple(replica.name for replica in context.replicas if replica.name in callers)
