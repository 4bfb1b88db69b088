"""Pause: a replica's process stands still (SIGSTOP), as in a long garbage collection or on a frozen host."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation
from testbed.faults.target import FaultContext, process_actions


@dataclass(frozen=True, kw_only=True)
class pause(ProcessFault):
    """Stop the process; its kernel still accepts connections, so callers meet read time-outs, never refusals.

    What arrived meanwhile is answered late when it is healed (SIGCONT). A mesh proxy is paused with
    `.on(proxy="checkout-1")` (`"node-1"` where placement is node); it goes on with the state that it had.

        pause().on(replica="pricing-1")
    """

    on_proxies = True

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One action a replica."""
        return process_actions(self.target, context, self, "pause")
