"""Node failure: the node of a replica fails: no data on any link to it, and its process is stopped."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation
from testbed.faults.streams import toxics
from testbed.faults.target import FaultContext, process_actions


@dataclass(frozen=True, kw_only=True)
class node_failure(ProcessFault):
    """Drop all data to the replica, and stop its process: it does not answer and does not work.

    Like a node without power or network: connections stay open, so callers run into their timeouts, and the calls of
    the replica itself do not continue. Healing closes every connection to it, like a node after a reboot.

        node_failure().on(replica="pricing-1")
    """

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One endless timeout toxic for each link, then one action for each replica."""
        return toxics(self, context, "timeout", "requests", timeout=0) + process_actions(
            self.target, context, self, "pause"
        )
