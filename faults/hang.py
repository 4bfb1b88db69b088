"""Hang: single requests are taken and never answered, chosen by user, cohort, share or attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import RequestFault
from testbed.faults.operations import NEVER_MS, Operation, Rule
from testbed.faults.target import FaultContext


@dataclass(frozen=True)
class hang(RequestFault):
    """Take a request and never answer it: its caller waits until it gives up. The callee never sees it.

    Healing lets later requests through; one that hangs goes on hanging until its caller closes it, as it would in a
    process that has lost it. A caller without any time-out waits for a day.

        hang().on("checkout -> pricing").for_attempts(1)
    """

    twin: ClassVar[str] = "stall()"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links: a delay that nobody outlives."""
        return (Rule(fault, self.inlets(context), delay_ms=NEVER_MS, scope=self.scope(context)),)
