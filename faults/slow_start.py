"""Slow start: a replica restarts and needs a long time."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault, positive
from testbed.faults.operations import LinkDown, Operation, ProcessAction
from testbed.faults.target import FaultContext, links_into, replicas_of


@dataclass(frozen=True, kw_only=True)
class slow_start(ProcessFault):
    """Restart the process. Connections are refused for `takes_s` seconds; then the fault ends by itself.

    It never ends before the process is ready. Healing it earlier opens the links at once.
    """

    takes_s: float

    def validate(self) -> None:
        """Raise `FaultError` unless the time is above zero."""
        positive(self, takes_s=self.takes_s)

    @property
    def lasts_s(self) -> float:
        """The seconds until it ends."""
        return self.takes_s

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links first; the process is ready before they open."""
        closed = tuple(LinkDown(link.name) for link in links_into(self.target, context, self))
        return closed + tuple(
            ProcessAction(replica.name, "restart") for replica in replicas_of(self.target, context, self)
        )
