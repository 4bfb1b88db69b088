"""Node failure: a replica's whole node is gone: silence on every link to it, and its process stands still."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import Operation
from testbed.faults.streams import toxics
from testbed.faults.target import FaultContext, process_actions


@dataclass(frozen=True, kw_only=True)
class node_failure(ProcessFault):
    """Swallow what is sent to the replica, and stop its process: it answers nobody, and does nothing for anybody.

    As a node that has lost its power or its network: nobody closes a connection, so callers meet their time-outs, and
    the calls of the replica itself get no further. Healing closes every connection to it, as a node does that has
    started again and knows none of them.

        node_failure().on(replica="pricing-1")
    """

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One timeout toxic without an end on each link, then one action a replica."""
        return toxics(self, context, "timeout", "requests", timeout=0) + process_actions(
            self.target, context, self, "pause"
        )
