"""Hang: single requests are accepted and never answered, selected by user, cohort, share or attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import RequestFault
from testbed.faults.operations import NEVER_MS, Operation, Rule
from testbed.faults.target import FaultContext


@dataclass(frozen=True)
class hang(RequestFault):
    """Accept a request and never answer it: the caller waits until it gives up. The callee never sees the request.

    Healing lets later requests through. A request that hangs still hangs until its caller closes it. A caller without a
    timeout waits for a day.

        hang().on("checkout -> pricing").for_attempts(1)
    """

    twin: ClassVar[str] = "stall()"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links: a delay of a day."""
        return (Rule(fault, self.inlets(context), delay_ms=NEVER_MS, scope=self.scope(context)),)
