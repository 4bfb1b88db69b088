"""CPU limit: a replica gets only a share of one CPU, as with a tight limit or a noisy neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.errors import FaultError
from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation, ProcessAction
from testbed.faults.target import FaultContext, replicas_of


@dataclass(frozen=True, kw_only=True)
class cpu_limit(ProcessFault):
    """Let the process run for only `share` (above 0, below 1) of the time, so its work takes 1/share as long.

    The testbed stops and continues the process in periods of 2 ms or more, 50 times a second if the share allows it. If
    the process used more than one CPU in its period, it is stopped for longer, so all its threads together get `share`
    of one CPU. Unlike a quota of the kernel, this also slows down short work: a request may wait for the next period.
    """

    share: float

    def validate(self) -> None:
        """Raise `FaultError` unless the share is between 0 and 1."""
        if not (isinstance(self.share, (int, float)) and 0 < self.share < 1):
            raise FaultError(f"{self}: share is above 0 and below 1, a part of one CPU")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One action for each replica."""
        return tuple(
            ProcessAction(replica.name, "cpu", amount=self.share) for replica in replicas_of(self.target, context, self)
        )
