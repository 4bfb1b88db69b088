"""A fault resolved against a running mesh, once for each injection. Its facts are fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from testbed.faults.base import Fault
from testbed.faults.operations import Operation, Rule, Scope
from testbed.faults.target import FaultContext
from testbed.plan.values import Link


@dataclass(frozen=True)
class ResolvedFault:
    """A fault, or one part of it, with its operations, links, edges and scope."""

    fault: Fault
    id: str  # of the injection: "f1"
    operations: tuple[Operation, ...]
    links: tuple[Link, ...]  # on which it acts
    edges: tuple[str, ...]  # of these links, each once
    scope: Scope | None  # of a request fault
    behind: tuple[str, ...]  # the replicas that use the faulted mesh proxy; () for any other fault
    context: FaultContext = field(repr=False, compare=False)  # for the parts of a fault that come later

    def __str__(self) -> str:
        """Return the text of the fault."""
        return str(self.fault)

    def part(self, fault: Fault) -> ResolvedFault:
        """Resolve a part of this fault for the same injection, when it comes into force."""
        return self if fault is self.fault else resolve(fault, self.context, self.id)


def resolve(fault: Fault, context: FaultContext, id: str) -> ResolvedFault:
    """Resolve a fault. Raises `FaultError` if it does not fit the context."""
    operations, links = fault.operations(context, id), fault.affected_links(context)
    edges = tuple(dict.fromkeys(link.edge for link in links))
    scope = next((op.scope for op in operations if isinstance(op, Rule)), None)
    return ResolvedFault(fault, id, operations, links, edges, scope, _behind(fault, links, context), context)


def _behind(fault: Fault, links: Iterable[Link], context: FaultContext) -> tuple[str, ...]:
    callers = {caller for link in links for caller in link.callers} if fault.target.proxy else set()
    return tuple(replica.name for replica in context.replicas if replica.name in callers)
