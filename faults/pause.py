"""Pause: a replica's process stands still (SIGSTOP), as in a long garbage collection or on a frozen host."""

from __future__ import annotations

from dataclasses import dataclass

from faults.base import ProcessFault, Site, replicas_of
from testbed.edge.operations import Operation, Signal


@dataclass(frozen=True, kw_only=True)
class pause(ProcessFault):
    """Stop the process; its kernel still accepts connections, so callers meet read time-outs, never refusals.

    What arrived meanwhile is answered late when it is healed (SIGCONT).

        pause().on(replica="pricing-1")
    """

    def operations(self, site: Site, fault: str) -> tuple[Operation, ...]:
        """One signal a replica."""
        return tuple(Signal(replica.name, "pause") for replica in replicas_of(self, site))
