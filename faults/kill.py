"""Kill: a replica's process is gone, at once and without a farewell (SIGKILL)."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import ProcessFault
from testbed.faults.operations import LinkDown, Operation
from testbed.faults.target import FaultContext, links_of, process_actions


@dataclass(frozen=True, kw_only=True)
class kill(ProcessFault):
    """Kill the process; callers are refused until it is healed (started again, ready, and reachable).

        kill().on(replica="pricing-1")

    A mesh proxy is killed with `.on(proxy="checkout-1")` (`"node-1"` where placement is node): every replica whose
    calls it takes is refused by it, and when it is healed it begins with closed breakers and empty pools.
    """

    on_proxies = True

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close the links first: the testbed's own plane must not answer in the dead process's place."""
        closed = (
            () if self.target.proxy else tuple(LinkDown(link.name) for link in links_of(self.target, context, self))
        )
        return closed + process_actions(self.target, context, self, "kill")


@dataclass(frozen=True, kw_only=True)
class restart(kill):
    """Kill the process and start it again at once: over when it is ready again, without memory or connections.

    restart().on(service="pricing")
    """

    momentary = True
