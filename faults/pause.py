"""Pause: the process of a replica is stopped (SIGSTOP), as in a long garbage collection or on a frozen host."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation
from testbed.faults.target import FaultContext, process_actions


@dataclass(frozen=True, kw_only=True)
class pause(ProcessFault):
    """Stop the process. The kernel still accepts connections, so callers see read timeouts and no refusals.

    Healing (SIGCONT) lets it answer the waiting requests late. A mesh proxy is paused with
    `.on(proxy="checkout-1")` (`"node-1"` where placement is node); it continues with its old state.

        pause().on(replica="pricing-1")
    """

    on_proxies = True

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One action for each replica."""
        return process_actions(self.target, context, self, "pause")
