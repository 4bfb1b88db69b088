"""CPU limit: a replica gets only a share of one processor, as under a tight limit or beside a noisy neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.errors import FaultError
from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation, ProcessAction
from testbed.faults.target import FaultContext, replicas_of


@dataclass(frozen=True, kw_only=True)
class cpu_limit(ProcessFault):
    """Let the process run for only `share` (above 0, below 1) of the time, so that its work takes 1/share as long.

    It is stopped and continued in turns of 2 ms or more, 50 a second where the share allows it; a process that used
    more than one processor in its turn is stopped for longer, so that all its threads share `share` of one. Other than
    under a kernel's quota, short work is slowed down as well: a request may have to wait for the next turn.
    """

    share: float

    def validate(self) -> None:
        """Raise `FaultError` unless the share is between 0 and 1."""
        if not (isinstance(self.share, (int, float)) and 0 < self.share < 1):
            raise FaultError(f"{self}: share is above 0 and below 1, a part of one processor")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One action a replica."""
        return tuple(
            ProcessAction(replica.name, "cpu", amount=self.share) for replica in replicas_of(self.target, context, self)
        )
