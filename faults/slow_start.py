"""Slow start: a replica is started anew, and takes its time."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault, positive
from testbed.faults.operations import LinkDown, Operation, ProcessAction
from testbed.faults.target import FaultContext, links_of, replicas_of


@dataclass(frozen=True, kw_only=True)
class slow_start(ProcessFault):
    """Restart the process; callers are refused until `takes_s` seconds later, when it is up by itself.

    Never sooner than the process really is ready. Healing it earlier lets callers in at once.
    """

    takes_s: float

    def validate(self) -> None:
        """Raise `FaultError` unless the time is above zero."""
        positive(self, takes_s=self.takes_s)

    @property
    def lasts_s(self) -> float:
        """The seconds that it takes."""
        return self.takes_s

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links first; the process is ready again long before they open."""
        closed = tuple(LinkDown(link.name) for link in links_of(self.target, context, self))
        return closed + tuple(
            ProcessAction(replica.name, "restart") for replica in replicas_of(self.target, context, self)
        )
